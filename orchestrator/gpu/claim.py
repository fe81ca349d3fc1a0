"""One device among several orchestrators: two `avatar run` at once must not both count on its memory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from orchestrator.gpu.device import Device
from shared_schema import paths
from shared_schema.errors import RunDirectoryError

__all__ = ["Claim"]


class Claim:
    """An orchestrator's claim on a device: alone, or shared with others that keep within their budgets.

    It is a lock on a file (flock(2)), so that it is free again however its holder ends.
    """

    def __init__(self, device: Device) -> None:
        self._path: Path = paths.state_dir() / "devices" / f"{device.uuid}.lock"
        self._file: int | None = None
        self._taken: bool | None = None

    def take(self, *, alone: bool) -> str:
        """Claim the device; empty, or who has it. RunDirectoryError where the lock cannot be used."""
        if self._taken is alone:
            return ""
        how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            file = self._open()
            fcntl.flock(file, how | fcntl.LOCK_NB)
            os.pwrite(file, f"{os.getpid():<20}".encode(), 0)
        except BlockingIOError:
            return f"another avatar command{self._holder()}"
        except OSError as error:
            raise RunDirectoryError(
                f"The device's lock {self._path} cannot be used: {error.strerror}.",
                "Set AVATAR_HOME to a folder of your own.",
            ) from error
        self._taken = alone
        return ""

    def close(self) -> None:
        """Let others have it."""
        if self._file is not None:
            os.close(self._file)
        self._file = self._taken = None

    def _open(self) -> int:
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file

    def _holder(self) -> str:
        words = self._path.read_text(encoding="ascii", errors="replace").split()
        return f" (process {words[0]})" if words else ""
