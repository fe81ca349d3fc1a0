"""Folders that are in use: held by `flock(2)`, so that they are free again however their holder ends."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["LOCK_NAME", "LockedFolder", "is_held", "sweep", "try_lock"]

LOCK_NAME = "lock"


class LockedFolder:
    """A private (0700) folder that nobody else uses. A context manager: left, the folder is gone."""

    def __init__(self, folder: Path) -> None:
        """Make and lock `folder`. BlockingIOError where another process holds it, or another OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = try_lock(folder)
        if lock is None:
            raise BlockingIOError(errno.EAGAIN, "another process uses it")
        self.folder = folder
        self._lock = lock

    @staticmethod
    def free_name(parent: Path) -> Path:
        """A name in `parent` that nobody has taken, after sweeping out what killed processes left there."""
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(parent)
        return parent / secrets.token_hex(8)

    def close(self) -> None:
        """Remove the folder and let go of it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def try_lock(folder: Path) -> int | None:
    """Lock a folder through its lock file; the descriptor that holds it, or None if another holds it."""
    while True:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink:
            return descriptor
        # A sweep removed the file between its making and its locking: this lock guards nothing.
        os.close(descriptor)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock on this file; FileNotFoundError where there is none.

    Only for a lock that was taken once: for whoever is just taking it, the question itself is in the way.
    """
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sweep(parent: Path) -> list[Path]:
    """Remove the folders in `parent` that a killed process left behind; what was removed.

    A folder without a lock file is one that is just being made, and is left alone.
    """
    removed = []
    for folder in sorted(parent.iterdir()):
        if not (folder / LOCK_NAME).is_file():
            continue
        descriptor = try_lock(folder)
        if descriptor is None:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
        removed.append(folder)
    return removed
