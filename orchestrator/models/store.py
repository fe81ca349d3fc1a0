"""The models on this machine: how one comes in, whole or not at all; is it still what it was; out again.

fetched files ──> .partial-NAME ─┐
copied files ──> .import-NAME ───┴──digests──> pickles converted ──record──> NAME (one rename)
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from orchestrator import locks
from orchestrator.models.convert import to_safetensors
from orchestrator.models.manifest import Model
from orchestrator.words import size
from shared_schema import paths, weights
from shared_schema.errors import InputError, OutputError, WeightsError
from shared_schema.weights import RECORD_NAME, File, Record

__all__ = ["check_space", "finish", "forget", "partial_folder", "verify"]

SPARE = 500_000_000
"""Bytes that stay free on the disk."""


@contextmanager
def partial_folder(name: str, *, kept: bool = True) -> Iterator[Path]:
    """The folder in which a model is put together; `kept`, an attempt that breaks off can be gone on with.

    OutputError where another process is at it, or where it cannot be written to.
    """
    folder = _partial(name, kept=kept)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = locks.try_lock(folder)
    except OSError as error:
        raise OutputError(f"The folder for weights {folder} cannot be used: {error.strerror}.") from error
    if lock is None:
        raise OutputError(f"Another process is bringing in {name}.", "Wait for it to end.")
    try:
        yield folder
    except BrokenPipeError:
        raise  # of our own output
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"{name} cannot be brought into {folder}: {reason}.", "Is there space left?"
        ) from error
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _partial(name: str, *, kept: bool) -> Path:
    return paths.models_dir() / f".{'partial' if kept else 'import'}-{name}"


def check_space(
    model: Model, here: int, free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
) -> None:
    """OutputError where the disk cannot take a model of which `here` bytes are there already.

    A pickled file and its conversion lie side by side for a moment, so it takes twice the largest.
    """
    folder = paths.models_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    needed = model.bytes * (2 if model.pickled else 1) - here + SPARE
    if free(folder) < needed:
        raise OutputError(
            f"{size(needed)} must be free in {folder}, and {size(free(folder))} are.",
            "Free some space, or set AVATAR_HOME to a roomier disk.",
        )


def finish(
    name: str, model: Model, folder: Path, revision: str, tell: Callable[[str], None] = lambda _line: None
) -> Path:
    """Make a model of the files in `folder`, all of them there: convert, record, and let it appear.

    WeightsError where a file is missing, damaged, not the published one, or holds what is no tensor. `tell`
    is given a line on each step that takes long.
    """
    there = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    tell("taking digests")
    files = {path: _described(folder / path) for path in model.among(there, name)}
    for path, published in model.files.items():
        if path in files and published.sha256 not in {"", files[path].sha256}:
            raise WeightsError(
                f"{path} is not the file that {name} was published with.",
                f"Take those of {model.repository} at {model.revision}.",
            )
    for path, published in model.pickled.items():
        tell(f"making {published.becomes} of {path}")
        to_safetensors(folder / path, folder / published.becomes, under=published.under)
        files[published.becomes] = _described(folder / published.becomes)
        del files[path]
    _clear(folder, files)
    record = Record(name, revision, model.licence, files, model.terms)
    (folder / RECORD_NAME).write_bytes(msgspec.json.encode(record))
    target = paths.models_dir() / name
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)
    return target


def _clear(folder: Path, kept: Collection[str]) -> None:
    """Remove what is no part of the model: pickles, and what huggingface_hub keeps of its own."""
    for left in folder.rglob("*"):
        if left.is_file() and left.relative_to(folder).as_posix() not in kept:
            left.unlink()
    shutil.rmtree(folder / ".cache", ignore_errors=True)


def verify(name: str) -> int:
    """Compare a model's files with its record; the bytes read. WeightsError names what has changed."""
    folder = _installed(name)
    read = 0
    for path, expected in weights.read_record(folder).files.items():
        if not (folder / path).is_file() or _described(folder / path) != expected:
            raise WeightsError(
                f"{path} of {name} is missing or not what it was.",
                f"Run `avatar models rm {name}` and fetch it again.",
            )
        read += expected.size
    return read


def forget(name: str) -> None:
    """Remove a model, and what an interrupted fetch of it left. InputError where there is neither."""
    partial = _partial(name, kept=True)
    if not partial.is_dir() or weights.find(name):
        _installed(name)
    for folder in (partial, _partial(name, kept=False), paths.models_dir() / name):
        shutil.rmtree(folder, ignore_errors=True)


def _installed(name: str) -> Path:
    folder = weights.find(name)
    if folder is None:
        raise InputError(f"The weights {name} are not on this machine.", f"Run `avatar models fetch {name}`.")
    return folder


def _described(path: Path) -> File:
    with path.open("rb") as file:
        return File(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
