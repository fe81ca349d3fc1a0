"""The portrait that ships with the worker, for a first run without a photo."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from shared_schema.engine import Context
from shared_schema.messages import Memory
from vision_worker.engines.photo import PortraitEngine
from vision_worker.samples import PORTRAIT

__all__ = ["SampleEngine"]


class SampleEngine(PortraitEngine):
    """The astronaut Eileen Collins; source and licence stand in `samples/SOURCES.md`."""

    name = "sample"
    ignores = ("prompt", "lora")
    summary = "the sample portrait: the astronaut Eileen Collins (NASA, public domain)"
    advises = False
    source = "sample portrait of Eileen Collins (NASA)"
    # Measured: 187 MB as it is, 294 MB at 3840 x 2160, 374 MB with another background there; 163 MB remain.
    host: ClassVar[Memory] = Memory(peak=450_000_000, context=275_000_000)

    def picture(self, context: Context) -> Path:  # noqa: ARG002 - the same for every task
        """The picture in the package."""
        return PORTRAIT
