"""The face networks by MediaPipe's tasks interface, `mediapipe.tasks`: from release 0.10.30 on the only one.

The models come as one file, `face_landmarker.task`, a zip that holds the mesh network and the short-range
detector. A full-range detector is not in it: for that the short-range one looks at parts of the picture.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from shared_schema import weights
from shared_schema.errors import EngineUnavailable, WeightsError
from shared_schema.mesh import POINT_COUNT
from vision_worker.images import Pixels
from vision_worker.models import FACE_LANDMARKER
from vision_worker.networks import CONFIDENCE, Detection, Meshes, load_mediapipe
from vision_worker.windows import Window, look, tiles

__all__ = ["TaskNetworks", "model_file"]

_FILE: Final = "face_landmarker.task"
_DETECTOR: Final = "face_detector.tflite"

_PART: Final = 1 / 3
"""Side of the parts that the short-range detector looks at: a sixteenth of the whole is a fifth of one."""


def model_file() -> Path:
    """The models on this machine; EngineUnavailable where they are not."""
    folder = weights.find(FACE_LANDMARKER)
    path = folder / _FILE if folder else None
    if path is None or not path.is_file():
        raise EngineUnavailable(
            f"The face model {_FILE} is not on this machine.",
            f"Add a model {FACE_LANDMARKER} with it to a manifest of your own: docs/howto/weights.md.",
        )
    return path


class TaskNetworks:
    """The models of a `face_landmarker.task`; WeightsError where the file is not one."""

    def __init__(self, path: Path) -> None:
        self._mediapipe = load_mediapipe()
        options, vision = self._mediapipe.tasks.BaseOptions, self._mediapipe.tasks.vision
        try:
            with zipfile.ZipFile(path) as bundle:
                detector = bundle.read(_DETECTOR)
            self._near = vision.FaceDetector.create_from_options(
                vision.FaceDetectorOptions(
                    base_options=options(model_asset_buffer=detector),
                    min_detection_confidence=CONFIDENCE,
                )
            )
            self._mesh = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=options(model_asset_path=str(path)),
                    num_faces=4,
                    min_face_detection_confidence=CONFIDENCE,
                    min_face_presence_confidence=CONFIDENCE,
                )
            )
        except (OSError, zipfile.BadZipFile, KeyError, RuntimeError, ValueError) as error:
            raise WeightsError(
                f"The face model {path.name} is damaged.",
                f"Run `avatar models rm {FACE_LANDMARKER}` and fetch it again.",
            ) from error

    def near(self, picture: Pixels) -> list[Detection]:
        """Faces that fill a fifth of the picture or more."""
        side = len(picture)
        return [_detection(one, Window(0, 0, side), side) for one in self._detect(picture)]

    def far(self, picture: Pixels) -> list[Detection]:
        """Faces down to a sixteenth of the picture; those on several of its parts are told several times."""
        side = len(picture)
        part = round(side * _PART)
        return [
            _detection(one, window, side)
            for window in tiles(side, side, part)
            for one in self._detect(look(picture, window, part))
        ]

    def meshes(self, picture: Pixels) -> Meshes:
        """The meshes of at most four faces."""
        found = self._mesh.detect(self._image(picture)).face_landmarks
        points = [[(mark.x, mark.y, mark.z) for mark in one] for one in found]
        return np.array(points, np.float64).reshape(len(points), POINT_COUNT, 3)

    def close(self) -> None:
        """Free the networks."""
        self._near.close()
        self._mesh.close()

    def _detect(self, picture: Pixels) -> list[Any]:
        return list(self._near.detect(self._image(picture)).detections)

    def _image(self, picture: Pixels) -> Any:
        kind = self._mediapipe.ImageFormat.SRGB
        return self._mediapipe.Image(image_format=kind, data=np.ascontiguousarray(picture))


def _detection(found: Any, window: Window, side: int) -> Detection:
    """The task's box, in pixels of the window, in sides of the picture."""
    box = found.bounding_box
    left, top = window.left + box.origin_x, window.top + box.origin_y
    score = float(found.categories[0].score)
    return Detection(score, left / side, top / side, box.width / side, box.height / side)
