"""MediaPipe's face networks behind one interface, whichever of its two programming interfaces is there.

    legacy   mediapipe up to 0.10.21: `mediapipe.solutions`, the models are in the wheel
    tasks    later ones: `mediapipe.tasks`, the models are a file, `face_landmarker.task`

Where the wheel carries the models they are taken: the tasks' file holds the same mesh network, but not the
detector that sees small faces in large pictures.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vision_worker.images import Pixels

__all__ = ["CONFIDENCE", "Detection", "Meshes", "Networks", "load_mediapipe", "start_networks"]

CONFIDENCE: Final = 0.5
"""How sure a network must be of a face, 0 to 1: MediaPipe's own default."""

Meshes = NDArray[np.float64]
"""Shape (N, 478, 3), in sides of the square picture; z in the same unit, smaller is nearer."""


class Detection(NamedTuple):
    """A detector's box of a face: its score, 0 to 1, and where it is, in sides of the square picture."""

    score: float
    left: float
    top: float
    width: float
    height: float


class Networks(Protocol):
    """What looks at square pictures, shape (S, S, 3), each for itself."""

    def near(self, picture: Pixels) -> list[Detection]:
        """Faces that fill a fifth of the picture or more."""

    def far(self, picture: Pixels) -> list[Detection]:
        """Faces down to a sixteenth of the picture; some of those that fill it are missed."""

    def meshes(self, picture: Pixels) -> Meshes:
        """The meshes of at most four faces."""

    def close(self) -> None:
        """Free the networks."""


def start_networks() -> Networks:
    """Those of the installed mediapipe. EngineUnavailable where its models are not on this machine."""
    if hasattr(load_mediapipe(), "solutions"):
        from vision_worker.networks.legacy import LegacyNetworks  # noqa: PLC0415 - either this one

        return LegacyNetworks()
    from vision_worker.networks.tasks import TaskNetworks, model_file  # noqa: PLC0415 - or that one

    return TaskNetworks(model_file())


def load_mediapipe() -> Any:
    """The package, imported; it has no types."""
    with warnings.catch_warnings():
        # Of protobuf 4's C types, once a process; protobuf 5, which mediapipe 0.10.21 refuses, has mended it.
        warnings.filterwarnings("ignore", "Type google._upb", DeprecationWarning)
        return importlib.import_module("mediapipe")
