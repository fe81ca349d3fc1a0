"""Sends speech to stdout while it is spoken, for a player: 16-bit mono PCM without a header.

worker ──chunks──> queue ──> stdout        a slow player holds up neither the worker nor its supervision
"""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType
from typing import Self

from shared_schema.messages import Chunk
from shared_schema.stages import Stage

__all__ = ["SoundOut"]


class SoundOut:
    """An async context manager: left, all that came is written. BrokenPipeError where nobody reads on."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._attempt = 0
        self._heard = 0
        self._sent = 0

    def chunk(self, stage: Stage, chunk: Chunk, data: bytes) -> None:
        """Take a piece of speech. A later attempt says the same again: what was sent already is left out."""
        if stage is not Stage.SPEECH:
            return
        if chunk.attempt != self._attempt:
            self._attempt, self._heard = chunk.attempt, 0
        known = max(0, self._sent - self._heard)
        self._heard += len(data)
        new = data[known:]
        self._sent += len(new)
        if new:
            self._queue.put_nowait(new)

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._writer.cancel()
            return
        self._queue.put_nowait(b"")
        await self._writer

    async def _write(self) -> None:
        while data := await self._queue.get():
            await asyncio.to_thread(_send, data)


def _send(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
