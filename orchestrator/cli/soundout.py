"""Sends speech to stdout while it is spoken, for a player: 16-bit mono PCM without a header."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.cli.outflow import Outflow
from orchestrator.continued import Continued
from shared_schema.messages import Chunk
from shared_schema.stages import Stage

__all__ = ["SoundOut"]


class SoundOut:
    """An async context manager: left, all that came is written. BrokenPipeError where nobody reads on."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the job's: there it waits for a slow player."""
        self._out = Outflow(folder, sys.stdout.fileno(), "sound")
        self._speech = Continued()

    def chunk(self, stage: Stage, chunk: Chunk, data: bytes) -> None:
        """Take a piece of speech. A later attempt says the same again: what was sent already is left out."""
        if stage is Stage.SPEECH:
            self._out.put(self._speech.new(chunk, data))

    async def __aenter__(self) -> Self:
        await self._out.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._out.__aexit__(kind, error, trace)
