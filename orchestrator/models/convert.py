"""Turns a torch checkpoint into safetensors, once, so that no worker ever reads a pickle.

    X.pth ──restricted reader──> names, shapes ──> header
                                     └── bytes, piece by piece ──> X.safetensors (appears when it is whole)

The format: 8 bytes of header length, the header as JSON, then the tensors' bytes, little endian, row by row.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from orchestrator.models.pth import Checkpoint, opened
from orchestrator.models.unpickle import ITEM_BYTES, MOST_TENSORS, Tensor
from shared_schema.errors import WeightsError

__all__ = ["to_safetensors"]

PIECE = 4 * 1024 * 1024
"""Bytes copied at once: memory does not grow with the model."""


def to_safetensors(source: Path, target: Path, *, under: str = "") -> int:
    """Write the tensors of a torch checkpoint; their number. `under`: of the dictionary of that name alone.

    WeightsError where the checkpoint is damaged, holds no tensor, or anything that could run; then there is
    no target.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with opened(source) as checkpoint:
            tensors = _named(checkpoint, source, under)
            with partial.open("wb") as file:
                _write_header(file, tensors)
                for tensor in tensors.values():
                    with checkpoint.bytes_of(tensor.storage) as numbers:
                        for piece in _rows(tensor, numbers):
                            file.write(piece)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return len(tensors)


def _named(checkpoint: Checkpoint, source: Path, under: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, tensor in checkpoint.tensors(under):
        if name in tensors or len(tensors) == MOST_TENSORS:
            raise WeightsError(f"{source.name} has two tensors {name!r}, or too many.")
        tensors[name] = tensor
    if not tensors:
        raise WeightsError(f"{source.name} holds no tensors.")
    return dict(sorted(tensors.items()))


def _write_header(file: IO[bytes], tensors: dict[str, Tensor]) -> None:
    at = 0
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for name, tensor in tensors.items():
        size = math.prod(tensor.shape) * ITEM_BYTES[tensor.storage.kind]
        header[name] = {
            "dtype": tensor.storage.kind,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)


def _rows(tensor: Tensor, numbers: IO[bytes]) -> Iterator[bytes]:
    """A tensor's bytes in row-major order, whatever its strides are."""
    item = ITEM_BYTES[tensor.storage.kind]
    if 0 in tensor.shape:
        return
    if _is_contiguous(tensor):
        numbers.seek(tensor.offset * item)
        left = math.prod(tensor.shape) * item
        while left:
            piece = numbers.read(min(left, PIECE))
            if not piece:
                raise WeightsError("The checkpoint is cut short.")
            left -= len(piece)
            yield piece
        return
    # A transposed or sliced view, rare and small among weights: taken from its whole storage.
    held = numbers.read()
    for first in _offsets(tensor):
        yield held[first * item : (first + 1) * item]


def _is_contiguous(tensor: Tensor) -> bool:
    expected = 1
    for size, step in zip(reversed(tensor.shape), reversed(tensor.stride), strict=True):
        if size != 1 and step != expected:
            return False
        expected *= size
    return True


def _offsets(tensor: Tensor) -> Iterator[int]:
    """Where each number of a view lies in its storage, in row-major order."""
    places = [tensor.offset]
    for size, step in zip(tensor.shape, tensor.stride, strict=True):
        places = [place + index * step for place in places for index in range(size)]
    yield from places
