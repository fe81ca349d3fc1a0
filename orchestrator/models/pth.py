"""Reads the tensors out of a torch checkpoint without running anything that is in it.

    X.pth ──zip: data.pkl, data/0, data/1 ...──> unpickler that knows tensors and plain containers only
                                                     └──> name, type, shape, strides, where its bytes lie

A pickle is a program: it names functions and calls them. Here each name that torch itself writes stands for
a harmless function of this module, a few configuration classes for an empty record, and any other name is
refused before anything is called. Standard library only; nothing is ever imported for a checkpoint's sake.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from shared_schema.errors import WeightsError

__all__ = ["ITEM_BYTES", "Checkpoint", "Storage", "Tensor"]

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
    """A run of numbers of one type in the file. `key` names its member of the archive."""

    kind: str
    key: str
    count: int


class Tensor(NamedTuple):
    """A view of a storage: `offset` and `stride` count numbers, `shape` as usual."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


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
    """In place of torch._utils._rebuild_tensor_v2."""
    if not isinstance(storage, Storage) or not all(map(_is_size, (offset,))):
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
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): tuple,
    **{("torch", name): _StorageType(kind) for name, kind in _STORAGES.items()},
    **dict.fromkeys(_RECORDS, _Record),
}


class _Unpickler(pickle._Unpickler):  # noqa: SLF001
    """Knows the names in `_HARMLESS` and storages; `storage_of` looks one up by its persistent id.

    The one in Python, not in C: that one reserves as much memory as a crafted index asks for.
    """

    def __init__(self, file: IO[bytes], storage_of: Callable[[object], Storage]) -> None:
        super().__init__(file)
        self._storage_of = storage_of

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
        """The storage that a persistent id names."""
        return self._storage_of(pid)


class Checkpoint:
    """A torch checkpoint in the zip format (torch 1.6 and later). A context manager."""

    def __init__(self, path: Path) -> None:
        """WeightsError where it is no such file."""
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise WeightsError(
                f"{path.name} is damaged, or no torch checkpoint of 2020 or later.",
                "Ask for the weights as safetensors.",
            ) from error
        self._members = {member.filename: member for member in self._archive.infolist()}
        pickles = [name for name in self._members if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1 or len(self._members) != len(self._archive.infolist()):
            self._archive.close()
            raise WeightsError(f"{path.name} is no torch checkpoint.", "Ask for the weights as safetensors.")
        self._prefix = pickles[0].removesuffix("data.pkl")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._archive.close()

    def tensors(self, under: str = "") -> Iterator[tuple[str, Tensor]]:
        """All tensors by name; names in nested dictionaries are joined by "/". Else than tensors is left out.

        `under` takes the dictionary of that name alone. WeightsError where there is anything else in the file
        than tensors and plain containers.
        """
        content = self._content()
        if under:
            if not isinstance(content, dict) or under not in content:
                raise WeightsError(f"{self._path.name} has no entry {under!r}.")
            content = content[under]
        yield from _flat(content, "", set())

    def bytes_of(self, storage: Storage) -> IO[bytes]:
        """A storage's bytes, to be read and sought in; little endian."""
        return self._archive.open(self._members[f"{self._prefix}data/{storage.key}"])

    def _content(self) -> object:
        member = self._members[f"{self._prefix}data.pkl"]
        if member.file_size > MOST_PICKLE_BYTES or member.compress_type != zipfile.ZIP_STORED:
            raise WeightsError(f"{self._path.name} describes its tensors in an odd way: it is refused.")
        order = self._members.get(f"{self._prefix}byteorder")
        if order is not None and self._archive.read(order) != b"little":
            raise WeightsError(f"{self._path.name} was written on a big-endian machine: it cannot be read.")
        try:
            with self._archive.open(member) as file:
                return _Unpickler(file, self._storage).load()
        except WeightsError:
            raise
        except Exception as error:  # a crafted pickle can raise anything
            raise WeightsError(f"{self._path.name} is damaged: {error}") from error

    def _storage(self, pid: object) -> Storage:
        """A storage from ("storage", type, key, location, count), whose bytes are there."""
        match pid:
            case ("storage", _StorageType(kind), str(key), str(), int(count)) if key.isalnum() and count >= 0:
                member = self._members.get(f"{self._prefix}data/{key}")
                if (
                    member is not None
                    and member.compress_type == zipfile.ZIP_STORED
                    and member.file_size == count * ITEM_BYTES[kind]
                ):
                    return Storage(kind, key, count)
        raise WeightsError(f"{self._path.name} names numbers that are not in it.")


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
