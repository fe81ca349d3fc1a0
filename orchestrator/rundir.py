"""The run directory: private, locked, and short enough for a socket's address.

An `ipc://` path can be bound twice without an error, and the first binder then loses its peers, so
the directory is locked before anything is bound in it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator import locks
from shared_schema import limits, paths
from shared_schema.errors import RunDirectoryError

__all__ = ["RunDirectory"]

SOCKET_NAME = "s"


class RunDirectory(locks.LockedFolder):
    """A directory for one orchestrator's socket. A context manager: left, it is gone."""

    def __init__(self, folder: Path) -> None:
        """Make and lock `folder`. RunDirectoryError if another orchestrator holds it, or it cannot serve."""
        _check_length(folder / SOCKET_NAME)
        with _told_of(folder):
            _check_private(folder)
            super().__init__(folder)
        # A socket file survives the `kill -9` of its owner.
        (folder / SOCKET_NAME).unlink(missing_ok=True)

    @classmethod
    def create(cls) -> RunDirectory:
        """A new directory under `paths.runtime_dir()`, after sweeping out those of killed orchestrators."""
        base = paths.runtime_dir()
        with _told_of(base):
            _check_private(base)
            return cls(cls.free_name(base))

    @property
    def endpoint(self) -> str:
        """The ZeroMQ endpoint of this run."""
        return f"ipc://{self.folder / SOCKET_NAME}"


_ANOTHER_HOME = "Set AVATAR_HOME to a folder of your own."


def _check_length(socket: Path) -> None:
    length = len(os.fsencode(socket))
    if length > limits.MAX_IPC_PATH_BYTES:
        raise RunDirectoryError(
            f"The socket's path {socket} has {length} bytes; the system allows {limits.MAX_IPC_PATH_BYTES}.",
            "Set AVATAR_HOME to a folder with a shorter path.",
        )


@contextmanager
def _told_of(folder: Path) -> Iterator[None]:
    """Turn what the system says about a folder into words for a person."""
    try:
        yield
    except BlockingIOError as error:
        raise RunDirectoryError(
            f"Another orchestrator uses the run directory {folder}.", _ANOTHER_HOME
        ) from error
    except OSError as error:
        raise RunDirectoryError(
            f"The run directory {folder} cannot be used: {error.strerror}.", _ANOTHER_HOME
        ) from error


def _check_private(path: Path) -> None:
    """Make a private directory; in a shared temp folder anybody may have made it before us."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise RunDirectoryError(f"{path} is not a directory of yours.", _ANOTHER_HOME)
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)
