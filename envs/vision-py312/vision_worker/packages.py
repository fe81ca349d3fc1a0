"""What this worker's engines need, found out without importing it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from shared_schema.engine import Availability
from shared_schema.packages import availability_of
from shared_schema.weights import find
from vision_worker.models import FACE_LANDMARKER

__all__ = ["PACKAGES", "availability"]

PACKAGES: Final = ("mediapipe", "opencv-python-headless", "pillow", "pillow-heif")
_FACE_MODEL: Final = "modules/face_landmark/face_landmark_with_attention.tflite"


def availability() -> Availability:
    """Whether the picture libraries are here, and MediaPipe with its face model inside."""
    installed = availability_of(PACKAGES, "vision")
    if not installed.ready:
        return installed
    package = importlib.util.find_spec("mediapipe")
    folders = package.submodule_search_locations if package else None
    if any((Path(folder) / _FACE_MODEL).is_file() for folder in folders or ()) or find(FACE_LANDMARKER):
        return installed
    return Availability(
        ready=False,
        lacks=f"The installed mediapipe does not carry the face model {Path(_FACE_MODEL).name}.",
        remedy="Run `avatar envs sync vision`.",
    )
