"""xtts-fork: XTTS-v2 through coqui-tts, the maintained fork, on Python 3.12."""

from __future__ import annotations

from typing import ClassVar

from shared_schema.packages import version_with
from tts_worker.engines.xtts import XttsEngine

__all__ = ["XttsForkEngine"]


class XttsForkEngine(XttsEngine):
    """The same weights, voices and code as `xtts`; other libraries under it."""

    name: ClassVar[str] = "xtts-fork"
    packages: ClassVar[tuple[str, ...]] = ("coqui-tts", "torch", "torchaudio", "transformers", "safetensors")
    environment: ClassVar[str] = "tts-fork"
    version: ClassVar[str] = version_with("1", packages)
    summary: ClassVar[str] = "XTTS-v2 through the maintained fork of its package, on Python 3.12"
