"""Bytes on their way out of the command, to a program or a file that takes them while they come.

    pieces ──> file in the job's folder ──a thread──> descriptor

A slow reader holds up neither the workers nor their supervision, and memory stays flat.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.groups import first_error
from shared_schema.errors import Cancelled, OutputError
from shared_schema.feed import PAUSE, Feed
from shared_schema.limits import MIB

__all__ = ["Outflow"]


class Outflow:
    """An async context manager: left, all that came is written; left by an exception, the rest is dropped.

    BrokenPipeError where nobody reads on, OutputError where `descriptor` takes nothing more: both end at once
    what is done within the block. `name` is what the errors call it.
    """

    def __init__(self, folder: Path, descriptor: int, name: str) -> None:
        """What waits is kept in `folder`. The descriptor stays the caller's."""
        self._feed = Feed(folder)
        self._descriptor = descriptor
        self._name = name
        # A pipe that has room has it for so much, whatever its reader does (pipe(7), PIPE_BUF).
        self._most = select.PIPE_BUF if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else MIB
        self._left = threading.Event()
        self._group = asyncio.TaskGroup()

    def put(self, data: bytes) -> None:
        """Take a piece."""
        self._feed.append(data)

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._group.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._feed.close()
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        finally:
            self._feed.discard()

    async def _write(self) -> None:
        copying = asyncio.create_task(asyncio.to_thread(self._copy))
        try:
            await asyncio.shield(copying)
        except asyncio.CancelledError:
            self._left.set()
            await asyncio.wait({copying})
            raise

    def _copy(self) -> None:
        reader = self._feed.reader(self._check)
        try:
            while data := reader.read(self._most):
                self._send(data)
        except Cancelled:
            return
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"The {self._name} could not be written: {error.strerror}.") from error

    def _send(self, data: bytes) -> None:
        while data:
            self._check()
            # Never in a call that only the reader can end: Ctrl-C must come through.
            if select.select([], [self._descriptor], [], PAUSE)[1]:
                data = data[os.write(self._descriptor, data) :]

    def _check(self) -> None:
        if self._left.is_set():
            raise Cancelled("It is not wanted any more.")
