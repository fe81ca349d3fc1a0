"""The lip-sync engines of this worker."""

from __future__ import annotations

from lipsync_worker.engines.talking_photo import TalkingPhoto
from shared_schema.engine import Engine

__all__ = ["ENGINES"]

ENGINES: list[type[Engine]] = [TalkingPhoto]
