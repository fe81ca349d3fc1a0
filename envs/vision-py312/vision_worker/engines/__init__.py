"""The picture engines of this worker, best first. Cheap to import: an engine's libraries load with it."""

from __future__ import annotations

from shared_schema.engine import Engine
from vision_worker.engines.mediapipe import MediaPipeEngine
from vision_worker.engines.photo import PhotoEngine
from vision_worker.engines.sample import SampleEngine
from vision_worker.engines.sdxl import SdxlEngine
from vision_worker.engines.track import TrackEngine

__all__ = ["ENGINES"]

ENGINES: list[type[Engine]] = [PhotoEngine, SdxlEngine, SampleEngine, MediaPipeEngine, TrackEngine]
