"""The engines of this worker. Cheap to import: an engine's libraries load with it."""

from __future__ import annotations

from shared_schema.engine import Engine
from tts_fork_worker.engines.xtts_fork import XttsForkEngine

__all__ = ["ENGINES"]

ENGINES: list[type[Engine]] = [XttsForkEngine]
