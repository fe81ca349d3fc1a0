"""Opens a torch checkpoint, in either of torch's formats, for what it says of tensors and for their bytes.

    2020 on (torch 1.6): a zip archive   data.pkl, data/0, data/1 ...
    before: one file                     magic, version, system, the pickle, keys, numbers

What a pickle may say is decided in `orchestrator.models.unpickle`.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from orchestrator.models.unpickle import ITEM_BYTES, MOST_PICKLE_BYTES, Storage, Tensor, load, tensors_in
from shared_schema.errors import WeightsError

__all__ = ["Checkpoint", "opened"]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
"""What stands at the beginning of the older format (torch/serialization.py)."""


class Checkpoint(ABC):
    """An open checkpoint, named `name` in errors."""

    def __init__(self, name: str) -> None:
        self._name = name

    def tensors(self, under: str = "") -> Iterator[tuple[str, Tensor]]:
        """All tensors by name, or those of the dictionary `under`: see `unpickle.tensors_in`.

        WeightsError where there is anything else in the file than tensors and plain containers.
        """
        try:
            content = self._content()
        except WeightsError:
            raise
        except Exception as error:  # a crafted pickle can raise anything
            raise WeightsError(
                f"{self._name} is damaged, or no torch checkpoint ({type(error).__name__}: {error}).",
                "Fetch it again, or ask for the weights as safetensors.",
            ) from error
        return tensors_in(content, under)

    @abstractmethod
    def bytes_of(self, storage: Storage) -> IO[bytes]:
        """A storage's bytes, to be read and sought in; little endian. Only after `tensors`."""

    @abstractmethod
    def _content(self) -> object:
        """What was pickled, tensors as `Tensor`. May raise anything where the file is damaged."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Checkpoint]:
    """The checkpoint in a file. WeightsError where it is none."""
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    yield _Archive(path.name, archive)
            else:
                file.seek(0)
                yield _OldFile(path.name, file)
    except (OSError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path.name} cannot be read: {error}.") from error


class _Archive(Checkpoint):
    """The zip format."""

    def __init__(self, name: str, archive: zipfile.ZipFile) -> None:
        super().__init__(name)
        self._archive = archive
        self._members = {member.filename: member for member in archive.infolist()}
        pickles = [name for name in self._members if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1 or len(self._members) != len(archive.infolist()):
            raise _no_checkpoint(name)
        self._prefix = pickles[0].removesuffix("data.pkl")

    def bytes_of(self, storage: Storage) -> IO[bytes]:
        return self._archive.open(self._members[f"{self._prefix}data/{storage.key}"])

    def _content(self) -> object:
        member = self._members[f"{self._prefix}data.pkl"]
        if member.file_size > MOST_PICKLE_BYTES or member.compress_type != zipfile.ZIP_STORED:
            raise WeightsError(f"{self._name} describes its tensors in an odd way: it is refused.")
        order = self._members.get(f"{self._prefix}byteorder")
        if order is not None and self._archive.read(order) != b"little":
            raise _big_endian(self._name)
        with self._archive.open(member) as file:
            return load(file, self._storage)

    def _storage(self, kind: str, key: str, count: int, rest: object) -> Storage | None:
        member = self._members.get(f"{self._prefix}data/{key}") if key.isalnum() and not rest else None
        if (
            member is None
            or member.compress_type != zipfile.ZIP_STORED
            or member.file_size != count * ITEM_BYTES[kind]
        ):
            return None
        return Storage(kind, key, count)


class _OldFile(Checkpoint):
    """The format before torch 1.6, in which some weights of those years are still published."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        super().__init__(name)
        self._file = file
        self._storages: dict[str, Storage] = {}
        self._places: dict[str, int] = {}

    def bytes_of(self, storage: Storage) -> IO[bytes]:
        size = storage.count * ITEM_BYTES[storage.kind]
        return io.BufferedReader(_Window(self._file, self._places[storage.key], size))

    def _content(self) -> object:
        source = _Bounded(self._file, MOST_PICKLE_BYTES)
        for expected in (MAGIC, PROTOCOL):
            if load(source, self._storage) != expected:
                raise _no_checkpoint(self._name)
        system = load(source, self._storage)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise _big_endian(self._name)
        content = load(source, self._storage)
        self._find_numbers(load(source, self._storage))
        return content

    def _storage(self, kind: str, key: str, count: int, rest: object) -> Storage | None:
        """`rest` is [None] but in files of views of storages, which torch has not written since 2017."""
        if rest != [None]:
            return None
        storage = self._storages.setdefault(key, Storage(kind, key, count))
        return storage if storage == Storage(kind, key, count) else None

    def _find_numbers(self, keys: object) -> None:
        """Where each storage lies: behind the keys, in their order, each behind its count of 8 bytes."""
        if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(self._storages):
            raise WeightsError(f"{self._name} does not hold the numbers that it names.")
        for key in keys:
            storage = self._storages[key]
            if self._file.read(8) != storage.count.to_bytes(8, "little"):
                raise WeightsError(f"{self._name} is damaged: {key} is not where it should be.")
            self._places[key] = self._file.tell()
            self._file.seek(storage.count * ITEM_BYTES[storage.kind], io.SEEK_CUR)
        end = self._file.tell()
        if self._file.seek(0, io.SEEK_END) < end:
            raise WeightsError(f"{self._name} is cut short.")


class _Bounded:
    """A file of which so many bytes may be read: a pickle can ask for any number at once."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._left = most

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read(min(size, self._left + 1)))

    def readline(self) -> bytes:
        return self._counted(self._file.readline(self._left + 1))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise WeightsError("The checkpoint describes its tensors in an odd way: it is refused.")
        return data


class _Window(io.RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = min(max(base + offset, 0), self._size)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._start + self._at)
        data = self._file.read(min(len(buffer), self._size - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _no_checkpoint(name: str) -> WeightsError:
    return WeightsError(f"{name} is no torch checkpoint.", "Ask for the weights as safetensors.")


def _big_endian(name: str) -> WeightsError:
    return WeightsError(f"{name} was written on a big-endian machine: it cannot be read.")
