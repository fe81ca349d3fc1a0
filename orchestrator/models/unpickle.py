"""Reads the pickle of a torch checkpoint, and finds its tensors, without running anything that is in it.

A pickle is a program: it names functions and calls them. Here each name that torch itself writes stands for
a harmless function of this module, a few configuration classes for an empty record, and any other name is
refused before anything is called. Standard library only; nothing is ever imported for a checkpoint's sake.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from shared_schema.errors import WeightsError

__all__ = ["ITEM_BYTES", "MOST_PICKLE_BYTES", "MOST_TENSORS", "Storage", "Tensor", "load", "tensors_in"]

ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
"""Bytes of a number, by the names that safetensors gives to types."""

_STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
}  # fmt: skip

_RECORDS = frozenset(
    {
        ("TTS.tts.configs.xtts_config", "XttsConfig"),
        ("TTS.tts.models.xtts", "XttsArgs"),
        ("TTS.tts.models.xtts", "XttsAudioConfig"),
        ("TTS.config.shared_configs", "BaseDatasetConfig"),
    }
)
"""Classes whose instances the published XTTS-v2 checkpoint holds beside its tensors."""

MOST_PICKLE_BYTES = 64 * 1024 * 1024
"""More than the description of any model's tensors takes."""

MOST_TENSORS = 200_000


@dataclass(frozen=True)
class Storage:
    """A run of numbers of one type in the file. `key` is its name there."""

    kind: str
    key: str
    count: int


class Tensor(NamedTuple):
    """A view of a storage: `offset` and `stride` count numbers, `shape` as usual."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Source(Protocol):
    """What a pickle is read from."""

    def read(self, size: int, /) -> bytes:
        """So many bytes, fewer at the end."""

    def readline(self) -> bytes:
        """To the next line break."""


StorageFinder = Callable[[str, str, int, object], Storage | None]
"""The storage of a type, key and count, if it can be; the last is what else its persistent id says."""


def load(file: Source, find: StorageFinder) -> object:
    """The next object of a file; the file stands behind it. WeightsError where it is more than data."""
    return _Unpickler(file, find).load()


def tensors_in(content: object, under: str = "") -> Iterator[tuple[str, Tensor]]:
    """All tensors by name; names in nested dictionaries are joined by "/". Else than tensors is left out.

    `under` takes the dictionary of that name alone.
    """
    if under:
        if not isinstance(content, dict) or under not in content:
            raise WeightsError(f"The checkpoint has no entry {under!r}.")
        content = content[under]
    yield from _flat(content, "", set())


class _Record:
    """Stands for an object that is not needed. Takes whatever state it is given and does nothing with it."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


@dataclass(frozen=True)
class _StorageType:
    """Stands for a class such as torch.FloatStorage, which is only named, never called."""

    kind: str


def _rebuild_tensor(storage: object, offset: object, shape: object, stride: object, *_rest: object) -> Tensor:
    """In place of torch._utils._rebuild_tensor_v2, and of its forerunner of torch 0.3."""
    if not isinstance(storage, Storage) or not _is_size(offset):
        raise WeightsError("The checkpoint describes a tensor that is none.")
    for sizes in (shape, stride):
        if not isinstance(sizes, tuple) or not all(map(_is_size, sizes)):
            raise WeightsError("The checkpoint describes a tensor of an impossible shape.")
    assert isinstance(shape, tuple) and isinstance(stride, tuple) and isinstance(offset, int)  # noqa: S101, PT018
    tensor = Tensor(storage, offset, shape, stride)
    _check_bounds(tensor)
    return tensor


def _rebuild_parameter(data: object, *_rest: object) -> object:
    """In place of torch._utils._rebuild_parameter."""
    return data


def _is_size(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**48


def _check_bounds(tensor: Tensor) -> None:
    """WeightsError where a tensor reaches out of its storage."""
    if len(tensor.shape) != len(tensor.stride):
        raise WeightsError("The checkpoint describes a tensor of an impossible shape.")
    if 0 in tensor.shape:
        return
    last = tensor.offset + sum(
        (size - 1) * step for size, step in zip(tensor.shape, tensor.stride, strict=True)
    )
    if last >= tensor.storage.count:
        raise WeightsError("The checkpoint describes a tensor that reaches out of its memory.")


_HARMLESS: dict[tuple[str, str], object] = {
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): tuple,
    **{("torch", name): _StorageType(kind) for name, kind in _STORAGES.items()},
    **dict.fromkeys(_RECORDS, _Record),
}


class _Unpickler(pickle._Unpickler):  # noqa: SLF001
    """Knows the names in `_HARMLESS` and storages; `find` looks one up by what its persistent id says.

    The one in Python, not in C: that one reserves as much memory as a crafted index asks for.
    """

    def __init__(self, file: Source, find: StorageFinder) -> None:
        super().__init__(file)
        self._find = find

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for; WeightsError for any that no checkpoint needs."""
        try:
            return _HARMLESS[module, name]
        except KeyError:
            raise WeightsError(
                f"The checkpoint names {module}.{name}, which is no tensor: it is refused, unread.",
                "Weights from a trusted source hold tensors only. Ask for them as safetensors.",
            ) from None

    def persistent_load(self, pid: object) -> Storage:
        """The storage of ("storage", type, key, location, count), and in old files one thing more."""
        match pid:
            case ("storage", _StorageType(kind), str(key), str(), int(count), *rest) if count >= 0:
                found = self._find(kind, key, count, rest)
                if found is not None:
                    return found
        raise WeightsError("The checkpoint names numbers that are not in it.")


def _flat(content: object, prefix: str, within: set[int]) -> Iterator[tuple[str, Tensor]]:
    """The tensors in nested dictionaries and lists."""
    if isinstance(content, Tensor):
        yield prefix, content
        return
    if not isinstance(content, dict | list | tuple):
        return
    if id(content) in within or len(within) > 50:
        raise WeightsError("The checkpoint's dictionaries hold each other.")
    entries = content.items() if isinstance(content, dict) else enumerate(content)
    for name, value in entries:
        if isinstance(value, Tensor | dict | list | tuple):
            if not isinstance(name, str | int):
                raise WeightsError("The checkpoint's tensors have no proper names.")
            joined = f"{prefix}/{name}" if prefix else str(name)
            yield from _flat(value, joined, within | {id(content)})
