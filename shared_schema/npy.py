r"""NumPy's array files, read and written without NumPy, which the orchestrator does not have.

    6 bytes "\x93NUMPY"; version; length of the header; the header, a dict in Python's notation; the elements

(NumPy Enhancement Proposal 1, `numpy.lib.format`.) Only plain little-endian numbers in C order are taken:
never a pickle. A buffer that this gives is an array by `numpy.asarray`, without a copy.
"""

from __future__ import annotations

import ast
import struct
from dataclasses import dataclass
from math import prod
from typing import IO

__all__ = ["FORMATS", "Layout", "header", "read_layout"]

FORMATS = {"|u1": "B", "|b1": "?", "<i4": "i", "<f4": "f"}
"""The kinds of elements that are taken, and what `memoryview` calls them."""

_MAGIC = b"\x93NUMPY"
_LENGTHS = {1: "<H", 2: "<I", 3: "<I"}
_MAX_HEADER_BYTES = 4096
_ALIGNMENT = 64


@dataclass(frozen=True)
class Layout:
    """What a file's header says: the kind of its elements, one of `FORMATS`, and its shape."""

    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of all elements."""
        return struct.calcsize(FORMATS[self.kind]) * prod(self.shape)


def header(layout: Layout, length: int = 0) -> bytes:
    """What stands before the elements. `length` bytes of it, if given: to be written anew in its place."""
    words = f"{{'descr': '{layout.kind}', 'fortran_order': False, 'shape': {layout.shape}, }}".encode()
    start = len(_MAGIC) + 4
    whole = length or -(-(start + len(words) + 1) // _ALIGNMENT) * _ALIGNMENT
    if whole < start + len(words) + 1:
        raise ValueError(f"The header does not fit into {length} bytes.")
    return _MAGIC + struct.pack("<BBH", 1, 0, whole - start) + words.ljust(whole - start - 1) + b"\n"


def read_layout(file: IO[bytes]) -> Layout:
    """Read the header; the elements come next. ValueError, with the reason, where this is no such file."""
    start = file.read(len(_MAGIC) + 2)
    if len(start) < len(_MAGIC) + 2 or not start.startswith(_MAGIC) or start[-2] not in _LENGTHS:
        raise ValueError("it does not begin like a NumPy array file")
    form = _LENGTHS[start[-2]]
    length = file.read(struct.calcsize(form))
    if len(length) < struct.calcsize(form) or struct.unpack(form, length)[0] > _MAX_HEADER_BYTES:
        raise ValueError("its header is damaged")
    (size,) = struct.unpack(form, length)
    words = file.read(size)
    if len(words) < size:
        raise ValueError("its header is cut off")
    return _layout(words)


def _layout(words: bytes) -> Layout:
    try:
        described = ast.literal_eval(words.decode("latin-1").strip())
        kind, turned, shape = (described[name] for name in ("descr", "fortran_order", "shape"))
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise ValueError("its header is damaged") from error
    if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError("its header is damaged")
    if not isinstance(kind, str) or kind not in FORMATS or turned is not False:
        raise ValueError(f"its elements are {kind!r}{' in Fortran order' if turned else ''}")
    return Layout(kind, shape)
