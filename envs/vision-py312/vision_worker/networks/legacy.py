"""The face networks by MediaPipe's legacy interface, `mediapipe.solutions`: up to release 0.10.21."""

from __future__ import annotations

from typing import Any

import numpy as np

from shared_schema.mesh import POINT_COUNT
from vision_worker.images import Pixels
from vision_worker.networks import CONFIDENCE, Detection, Meshes, load_mediapipe

__all__ = ["LegacyNetworks"]


class LegacyNetworks:
    """The wheel's own models."""

    def __init__(self) -> None:
        solutions = load_mediapipe().solutions
        self._near = solutions.face_detection.FaceDetection(CONFIDENCE, model_selection=0)
        self._far = solutions.face_detection.FaceDetection(CONFIDENCE, model_selection=1)
        self._mesh = solutions.face_mesh.FaceMesh(
            static_image_mode=True,
            max_num_faces=4,
            refine_landmarks=True,
            min_detection_confidence=CONFIDENCE,
        )

    def near(self, picture: Pixels) -> list[Detection]:
        """Faces that fill a fifth of the picture or more: the short-range detector."""
        return _detections(self._near.process(picture))

    def far(self, picture: Pixels) -> list[Detection]:
        """Faces down to a sixteenth of the picture: the full-range detector."""
        return _detections(self._far.process(picture))

    def meshes(self, picture: Pixels) -> Meshes:
        """The meshes of at most four faces that the short-range detector finds."""
        found = self._mesh.process(picture).multi_face_landmarks or []
        points = [[(mark.x, mark.y, mark.z) for mark in one.landmark] for one in found]
        return np.array(points, np.float64).reshape(len(points), POINT_COUNT, 3)

    def close(self) -> None:
        """Free the networks."""
        for network in (self._near, self._far, self._mesh):
            network.close()


def _detections(answer: Any) -> list[Detection]:
    boxes = [
        (float(one.score[0]), one.location_data.relative_bounding_box) for one in answer.detections or []
    ]
    return [Detection(score, box.xmin, box.ymin, box.width, box.height) for score, box in boxes]
