"""Where a video goes: whole to a file (-o), or while it is made to stdout or a file that grows (--stream)."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.outflow import Outflow
from orchestrator.output import Target
from shared_schema.errors import InputError
from shared_schema.messages import Chunk
from shared_schema.stages import Stage

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.runner import StageReport

__all__ = ["VideoOut"]

_STDOUT = "-"


class VideoOut:
    """Checked before any work; exactly one of `output` and `stream` must be given, `stream` "-" is stdout."""

    def __init__(self, output: Path | None, stream: Path | None, *, force: bool) -> None:
        """InputError or OutputError where the video cannot go there, click.UsageError for none or both."""
        if (output is None) == (stream is None):
            raise click.UsageError("Give one of -o and --stream: where the video goes.")
        self.streamed = stream is not None
        self.to_stdout = stream is not None and str(stream) == _STDOUT
        self.path = None if self.to_stdout else output or stream
        """Its file, None where it has none."""
        if self.to_stdout and sys.stdout.isatty():
            raise InputError(
                "With --stream - the video goes to stdout, which is this terminal.",
                "Pipe it into a player: `| mpv -`.",
            )
        self._target = None if self.path is None else Target(self.path, (".mp4",), force=force)

    @asynccontextmanager
    async def taking(self, session: Session) -> AsyncIterator[None]:
        """Take fragments while the block runs; with -o there are none. BrokenPipeError where nobody reads on.

        A file that was not finished is removed.
        """
        if not self.streamed:
            yield
        elif self._target is None:
            async with _fragments(session, sys.stdout.fileno()):
                yield
        else:
            descriptor = self._target.grow()
            try:
                async with _fragments(session, descriptor):
                    yield
            except BaseException:
                self._target.path.unlink(missing_ok=True)
                raise
            finally:
                os.close(descriptor)

    def publish(self, session: Session, report: StageReport) -> None:
        """Put a finished video there; fragments are there already."""
        if not self.streamed and self._target is not None:
            self._target.publish(session.job.path(report.files["video"]))

    def summary(self, words: str) -> str:
        """The last words, for stdout where that is free, else told on stderr."""
        if not self.to_stdout:
            return words
        click.echo(words, err=True)
        return ""


@asynccontextmanager
async def _fragments(session: Session, descriptor: int) -> AsyncIterator[None]:
    async with Outflow(session.job.folder, descriptor, "video") as out:

        def take(stage: Stage, _chunk: Chunk, data: bytes) -> None:
            if stage is Stage.LIPSYNC:
                out.put(data)

        session.runner.on_chunk = take
        yield
