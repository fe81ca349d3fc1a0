"""The run directory: private, locked, and short enough for a socket's address.

An `ipc://` path can be bound twice without an error, and the first binder then loses its peers, so
the directory is locked before anything is bound in it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator import locks, paths
from shared_schema import limits
from shared_schema.errors import RunDirectoryError

__all__ = ["RunDirectory"]

SOCKET_NAME = "s"


class RunDirectory:
    """A locked 0700 directory for one orchestrator's socket. A context manager: left, it is gone."""

    def __init__(self, path: Path) -> None:
        """Make and lock `path`. RunDirectoryError if another orchestrator holds it, or it cannot serve."""
        self.path = path
        _check_length(path / SOCKET_NAME)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(path)
            lock = locks.try_lock(path)
        except OSError as error:
            raise RunDirectoryError(
                f"The run directory {path} cannot be used: {error.strerror}.", _ANOTHER_HOME
            ) from error
        if lock is None:
            raise RunDirectoryError(f"Another orchestrator uses the run directory {path}.", _ANOTHER_HOME)
        self._lock = lock
        # A socket file survives the `kill -9` of its owner.
        (path / SOCKET_NAME).unlink(missing_ok=True)

    @classmethod
    def create(cls) -> RunDirectory:
        """A new directory under `paths.runtime_dir()`, after sweeping out those of killed orchestrators."""
        base = paths.runtime_dir()
        try:
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(base)
            locks.sweep(base)
        except OSError as error:
            raise RunDirectoryError(
                f"The run directory {base} cannot be used: {error.strerror}.", _ANOTHER_HOME
            ) from error
        return cls(base / secrets.token_hex(4))

    @property
    def endpoint(self) -> str:
        """The ZeroMQ endpoint of this run."""
        return f"ipc://{self.path / SOCKET_NAME}"

    def close(self) -> None:
        """Remove the directory and let go of the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_ANOTHER_HOME = "Set AVATAR_HOME to a folder of your own."


def _check_length(socket: Path) -> None:
    length = len(os.fsencode(socket))
    if length > limits.MAX_IPC_PATH_BYTES:
        raise RunDirectoryError(
            f"The socket's path {socket} has {length} bytes; the system allows {limits.MAX_IPC_PATH_BYTES}.",
            "Set AVATAR_HOME to a folder with a shorter path.",
        )


def _check_private(path: Path) -> None:
    """In a shared temp folder anybody may have made this directory before us."""
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise RunDirectoryError(f"{path} is not a directory of yours.", _ANOTHER_HOME)
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)
