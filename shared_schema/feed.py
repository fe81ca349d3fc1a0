"""Bytes that come while they are read: one side appends, any number of readers follow, each at its own pace.

    append ──> unlinked file in the job's folder ──┬─> reader
                                                   └─> reader

What waits is on disk: memory does not grow, however far a reader is behind. Any thread may append, any may
read. The file has no name, so it is gone with its process, however that ends.
"""

from __future__ import annotations

import errno
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from shared_schema.errors import AvatarError, OutputError

__all__ = ["PAUSE", "Feed", "Reader"]

PAUSE = 0.1
"""Seconds between two calls of what a waiting reader calls: a cancelled task is noticed well within the half
second that `Context.check` promises.
"""

Waiting = Callable[[], None]


class Feed:
    """A queue of bytes without a bound. `waiting` is called again and again while a reader has to wait.

    It is called in the reader's thread, and may raise to end its wait.
    """

    def __init__(self, folder: Path, waiting: Waiting = lambda: None) -> None:
        """`folder` is where what waits is kept; it is used from the first bytes on."""
        self.waiting = waiting
        self._folder = folder
        self._changed = threading.Condition()
        self._file: IO[bytes] | None = None
        self._size = 0
        self._ended = False
        self._failure: AvatarError | None = None

    @property
    def size(self) -> int:
        """Bytes that were appended."""
        return self._size

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended

    def append(self, data: bytes) -> None:
        """Take what has come; nothing once the end was told.

        Where it cannot be kept the readers hear why: who appends has other things to do.
        """
        with self._changed:
            if self._ended:
                return
            try:
                self._keep(data)
            except OSError as error:
                self._failure, self._ended = _not_kept(self._folder, error), True
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will come: readers come to an end behind the last byte."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def fail(self, error: AvatarError) -> None:
        """What would come cannot be had: readers raise this, even where some bytes are still unread."""
        with self._changed:
            self._failure, self._ended = self._failure or error, True
            self._changed.notify_all()

    def discard(self) -> None:
        """Give the disk back, when nobody reads any more."""
        with self._changed:
            self._ended = True
            if self._file is not None:
                self._file.close()
                self._file = None
            self._changed.notify_all()

    def reader(self, waiting: Waiting | None = None) -> Reader:
        """A reader of its own, at the first byte; `waiting` in place of the feed's."""
        return Reader(self, waiting)

    def piece(self, start: int, most: int, seconds: float) -> bytes | None:
        """Up to `most` bytes from `start` on; b"" at the end, None where none come within `seconds`.

        Raises what the feed failed with.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._size > start or self._ended, seconds)
            if self._failure is not None:
                raise self._failure
            if self._size <= start or self._file is None:
                return b"" if self._ended else None
            return os.pread(self._file.fileno(), min(most, self._size - start), start)

    def _keep(self, data: bytes) -> None:
        if self._file is None:
            # Kept open as long as the feed lives: it has no name by which it could be found again.
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
        rest = memoryview(data)
        while rest:
            written = os.write(self._file.fileno(), rest)
            self._size += written
            rest = rest[written:]


class Reader:
    """One who reads a feed. `position` is how many bytes it has read."""

    def __init__(self, feed: Feed, waiting: Waiting | None = None) -> None:
        self.position = 0
        self._feed = feed
        self._waiting = waiting

    def read(self, most: int, patience: float = math.inf) -> bytes | None:
        """Up to `most` bytes as soon as there are any; b"" at the end, None after `patience` seconds without.

        Raises what the feed failed with, OutputError where the disk was full, and what `waiting` raises.
        """
        until = time.monotonic() + patience
        data = self._feed.piece(self.position, most, 0.0)
        while data is None and (left := until - time.monotonic()) > 0:
            (self._waiting or self._feed.waiting)()
            data = self._feed.piece(self.position, most, min(left, PAUSE))
        self.position += len(data or b"")
        return data


def _not_kept(folder: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError("The disk is full.", "Free some space, or set AVATAR_HOME to a roomier disk.")
    return OutputError(f"What comes live could not be kept in {folder}: {error.strerror}.")
