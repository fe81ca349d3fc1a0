"""How a head is held, in degrees, from where the rigid parts of its face are seen.

    yaw    turned to the side: positive towards the picture's right
    pitch  nodding: positive where the head is raised
    roll   tilted: positive clockwise in the picture

A frontal shape is fitted to the points seen, as a rotation, one scale and a shift (scaled orthographic
projection: DeMenthon and Davis, "Model-based object pose in 25 lines of code", 1995, without its iterations).
The mesh's own depth is not used: on faces rendered at known angles it gave only two thirds of the angle, this
fit 15 for 15, 23 for 25, 30 for 35 degrees.

Pitch is nought for a face like the mean of those whose shape is fitted. Faces differ in that: two people who
look straight at the camera may be measured some 10 degrees apart.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRONTAL_INDICES", "FRONTAL_SHAPE", "Pose", "pose_of"]

# Mean of the meshes of 23 faces seen from the front, each made symmetric; in widths of the face, from
# between the eyes: x to the picture's right, y down, z away. Lips and lids move and are left out.
_MIDLINE: Final = {
    10: (-0.380, -0.098), 151: (-0.272, -0.133), 9: (-0.157, -0.162), 8: (-0.096, -0.157),
    168: (-0.042, -0.158), 6: (0.011, -0.194), 197: (0.061, -0.235), 195: (0.107, -0.278),
    5: (0.157, -0.323), 4: (0.219, -0.346), 1: (0.269, -0.334), 2: (0.323, -0.224), 152: (0.835, -0.098),
}  # fmt: skip
_MIRRORED: Final = {
    (33, 263): (0.322, 0.000, 0.000),  # outer corners of the eyes
    (133, 362): (0.124, 0.007, -0.039),  # inner corners
    (70, 300): (0.415, -0.102, 0.011),  # brows
    (107, 336): (0.108, -0.164, -0.156),
    (50, 280): (0.352, 0.233, -0.061),  # cheeks
    (101, 330): (0.249, 0.178, -0.093),
    (64, 294): (0.148, 0.279, -0.194),  # wings of the nose
    (48, 278): (0.146, 0.258, -0.217),
    (98, 327): (0.133, 0.309, -0.163),
    (61, 291): (0.195, 0.485, -0.081),  # corners of the mouth
}


class Pose(NamedTuple):
    """Degrees: yaw within 90 either way, pitch and roll within 180."""

    yaw: float
    pitch: float
    roll: float


def pose_of(points: NDArray[np.float64]) -> Pose:
    """The pose of a mesh (478, 2 or 3) in pixels.

    With x to the right, y down and z away, the head's rotation is R = Rz(roll) Ry(yaw) Rx(-pitch), of which
    only the first two rows are seen, x = s R[:2] shape. Its last row, their cross product, is sin(yaw),
    -cos(yaw) sin(pitch), cos(yaw) cos(pitch); the first column starts cos(yaw) cos(roll), cos(yaw) sin(roll).
    """
    seen = points[FRONTAL_INDICES, :2]
    affine = np.linalg.lstsq(FRONTAL_SHAPE, seen - seen.mean(axis=0), rcond=None)[0].T
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right  # the nearest pair of orthonormal rows (orthogonal Procrustes problem)
    across, down, away = (float(part) for part in np.cross(rows[0], rows[1]))
    return Pose(
        yaw=math.degrees(math.asin(min(1.0, max(-1.0, across)))),
        pitch=math.degrees(math.atan2(-down, away)),
        roll=math.degrees(math.atan2(rows[1, 0], rows[0, 0])),
    )


def _frontal() -> tuple[list[int], NDArray[np.float64]]:
    """Indices (N,) and the places (N, 3) of those points in the frontal shape, about their mean."""
    places: dict[int, tuple[float, float, float]] = {index: (0.0, y, z) for index, (y, z) in _MIDLINE.items()}
    for (right, left), (x, y, z) in _MIRRORED.items():
        places[right], places[left] = (-x, y, z), (x, y, z)
    shape = np.array(list(places.values()))
    return list(places), shape - shape.mean(axis=0)


FRONTAL_INDICES, FRONTAL_SHAPE = _frontal()
