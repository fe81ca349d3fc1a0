"""The speech engines of this worker, best first. Cheap to import: an engine's libraries load with it."""

from __future__ import annotations

from shared_schema.engine import Engine
from tts_worker.engines.bark import BarkEngine
from tts_worker.engines.hibari import HibariEngine
from tts_worker.engines.kokoro import KokoroEngine
from tts_worker.engines.xtts import XttsEngine

__all__ = ["ENGINES"]

ENGINES: list[type[Engine]] = [XttsEngine, KokoroEngine, HibariEngine, BarkEngine]
