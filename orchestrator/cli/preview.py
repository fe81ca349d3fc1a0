"""Keeps the latest preview of a picture that is being drawn in a file, for a viewer that watches it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from orchestrator.output import Target
from shared_schema.messages import Chunk
from shared_schema.stages import Stage

__all__ = ["PreviewFile"]


class PreviewFile:
    """Hears of pieces of results. The file is replaced in one step: a viewer never sees half of one."""

    def __init__(self, path: Path, *, force: bool) -> None:
        """OutputError where the file cannot be put there."""
        Target(path, (".jpg", ".jpeg"), force=force)
        self._path = path
        self._failed = False

    def chunk(self, stage: Stage, chunk: Chunk, data: bytes) -> None:
        """Take a preview. Where it cannot be written, that is said once: the picture itself matters more."""
        if stage is not Stage.PORTRAIT or chunk.name != "preview" or self._failed:
            return
        partial = self._path.absolute().with_name(f".{self._path.name}.part")
        try:
            partial.write_bytes(data)
            partial.replace(self._path)
        except OSError as error:
            self._failed = True
            with contextlib.suppress(OSError):
                partial.unlink()
            click.echo(f"avatar: The preview {self._path} cannot be written: {error.strerror}.", err=True)
