"""A face's own axes: right, down and away from the viewer, in units of the face's width.

Motions are written once, for a face seen from the front; this turns them into pixels of a picture in which
the head is turned, tilted, near or far. So a three-quarter view does not get a lopsided mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync_worker.arrays import Floats
from lipsync_worker.landmarks import SYMMETRIC_PAIRS
from shared_schema.errors import FaceError
from shared_schema.mesh import POINT_COUNT
from shared_schema.records import FaceMesh

__all__ = ["FaceFrame"]

NEEDED = (33, 133, 362, 263, 61, 291, 0, 17)  # corners of eyes and mouth, outer edges of the lips


@dataclass(frozen=True)
class FaceFrame:
    """Where a face is in its picture.

    `points` (478, 3) pixels; `local` (478, 3) the same in units of the face's width, from the middle of the
    mouth along `axes`, whose rows are the face's x (to the picture's right), y (down), z (away); `unit` the
    face's width in pixels.
    """

    points: Floats
    local: Floats
    axes: Floats
    origin: Floats
    unit: float

    @classmethod
    def of(cls, mesh: FaceMesh) -> FaceFrame:
        """The frame of a mesh; FaceError where its points cannot be a face."""
        points = np.asarray(mesh.points, np.float32)
        if points.shape != (POINT_COUNT, 3) or not np.isfinite(points).all():
            raise FaceError(f"The face file has {len(points)} usable points instead of {POINT_COUNT}.")
        unit = float(np.linalg.norm(points[454] - points[234]))
        if unit < 16:
            raise FaceError(
                f"The face is {unit:.0f} pixels wide, too small to animate.", "Use a closer or larger photo."
            )
        axes = _axes(points)
        inside = (points[list(NEEDED), :2] >= 0) & (points[list(NEEDED), :2] < (mesh.width, mesh.height))
        if not inside.all():
            raise FaceError(
                "The face is cut off by the border of the picture.", "Use a photo of the whole face."
            )
        origin = (points[78] + points[308]) / 2
        return cls(points, ((points - origin) @ axes.T / unit).astype(np.float32), axes, origin, unit)

    def offsets(self, local: Floats) -> Floats:
        """Displacements (N, 3) in the face's units, as pixels (N, 2) of the picture."""
        return (local @ self.axes[:, :2] * self.unit).astype(np.float32)

    def pixels(self, local: Floats) -> Floats:
        """Places (N, 3) in the face's units, as pixels (N, 2) of the picture."""
        return self.offsets(local) + self.origin[:2]

    def flat(self, pixels: Floats) -> Floats:
        """Pixels (..., 2) as places (..., 2) in the plane of the face through the mouth."""
        plane = self.axes[:2, :2] * self.unit
        return ((pixels - self.origin[:2]) @ np.linalg.inv(plane)).astype(np.float32)


def _axes(points: Floats) -> Floats:
    across = np.sum([_direction(points[left] - points[right]) for right, left in SYMMETRIC_PAIRS], axis=0)
    x = _direction(across)
    down = points[152] - points[10]
    y = _direction(down - x * float(down @ x))
    return np.stack([x, y, np.cross(x, y)]).astype(np.float32)


def _direction(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), np.float32)
