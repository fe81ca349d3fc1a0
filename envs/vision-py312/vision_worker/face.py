"""One face of a picture: MediaPipe's 478 points in pixels, and what can be read off them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_schema.records import FaceMesh
from vision_worker.pose import Pose, pose_of

__all__ = ["Box", "Face", "Points"]

Points = NDArray[np.float64]
"""Shape (478, 3): x and y in pixels, z in the same unit, smaller is nearer."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""

_TEMPLES: Final = (234, 454)
_EYE_CORNERS: Final = (33, 133, 362, 263)


@dataclass(frozen=True)
class Face:
    """The points of one face, shape (478, 3), in pixels of the picture it was found in.

    `quality`, 0 to 1, is how well repeated measurements of it agreed: less for one that is blurred, covered
    or doubtful (`faces.FaceFinder`); 1 where it was not measured repeatedly.
    """

    points: Points
    quality: float = 1.0

    @property
    def box(self) -> Box:
        """What the mesh covers: from the hairline to the chin, from ear to ear."""
        (left, top), (right, bottom) = self.points[:, :2].min(0), self.points[:, :2].max(0)
        return float(left), float(top), float(right), float(bottom)

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def width(self) -> float:
        """From temple to temple, in pixels; a turned face is as wide as it would be from the front."""
        right, left = self.points[list(_TEMPLES)]
        return float(np.linalg.norm(left - right))

    @property
    def eye_level(self) -> float:
        """Mean height of the corners of the eyes, in pixels from the picture's top."""
        return float(self.points[list(_EYE_CORNERS), 1].mean())

    @property
    def pose(self) -> Pose:
        """How the head is held: yaw, pitch and roll in degrees."""
        return pose_of(self.points)

    @property
    def yaw(self) -> float:
        """How far the head is turned to the side, in degrees; positive towards the picture's right."""
        return self.pose.yaw

    def moved(self, scale: float, left: float, top: float) -> Face:
        """The face in a picture that was cut at (left, top) and then scaled."""
        return replace(self, points=(self.points - (left, top, 0.0)) * scale)

    def inside(self, width: int, height: int) -> Face:
        """The face with points that lie beyond the picture's edge brought to the edge."""
        limit = np.array([width - 1, height - 1, np.inf])
        return replace(self, points=np.clip(self.points, (0.0, 0.0, -np.inf), limit))

    def mesh(self, width: int, height: int) -> FaceMesh:
        """The record that `face.json` holds, for a picture of this size."""
        points = [(float(x), float(y), float(z)) for x, y, z in self.inside(width, height).points.round(3)]
        return FaceMesh(width, height, round(self.yaw, 2), points)
