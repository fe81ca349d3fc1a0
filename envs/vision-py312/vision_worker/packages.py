"""What is installed here, found out without importing it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Final

from shared_schema.engine import Availability

__all__ = ["availability", "version_with"]

_DISTRIBUTIONS: Final = ("mediapipe", "opencv-python-headless", "pillow", "pillow-heif")
_FACE_MODEL: Final = "modules/face_landmark/face_landmark_with_attention.tflite"
_REMEDY: Final = "Run `avatar envs sync vision`."


def availability() -> Availability:
    """Whether the face networks and the picture libraries are here."""
    for name in _DISTRIBUTIONS:
        if not _version(name):
            return Availability(ready=False, lacks=f"The package {name} is not installed.", remedy=_REMEDY)
    package = importlib.util.find_spec("mediapipe")
    folders = package.submodule_search_locations if package else None
    if not any((Path(folder) / _FACE_MODEL).is_file() for folder in folders or ()):
        lacks = f"mediapipe {_version('mediapipe')} does not carry the face model {Path(_FACE_MODEL).name}."
        return Availability(ready=False, lacks=lacks, remedy=_REMEDY)
    return Availability(ready=True)


def version_with(revision: str) -> str:
    """An engine's version: its own revision, and the libraries that its results depend on."""
    found = ", ".join(f"{name} {_version(name) or 'absent'}" for name in _DISTRIBUTIONS)
    return f"{revision} ({found})"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
