"""Whether two faces are of one person, filmed moments apart: how alike they look, brought to one shape.

No recognition: it tells a person from another one in the same scene, and would not know anybody again in
other light.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_worker.face import Face
from vision_worker.images import Pixels
from vision_worker.pose import FRONTAL_INDICES, FRONTAL_SHAPE

__all__ = ["MIN_RESEMBLANCE", "Look", "look_of", "resemblance"]

Look = NDArray[np.float32]
"""A face brought to the frontal shape, (32, 32, 3), its mean taken off, of length 1."""

MIN_RESEMBLANCE: Final = 0.5
"""From where on it is the same person. Measured on two portraits: in other size, light, sharpness or tilt
0.87 and more, turned by 20 degrees 0.72, by 30 0.58; each other 0.06 to 0.33, one's mirror image 0.41.
"""

_SIDE: Final = 32
_SPAN: Final = 0.8
"""Side of what is compared, in widths of the face: from the brows to the mouth, and nothing behind it."""


def look_of(pixels: Pixels, face: Face) -> Look:
    """How a face of a picture (H, W, 3) looks."""
    places = np.c_[FRONTAL_SHAPE[:, :2], np.ones(len(FRONTAL_SHAPE))]
    affine = np.linalg.lstsq(places, face.points[FRONTAL_INDICES, :2], rcond=None)[0].T
    step = _SPAN / _SIDE
    grid = np.array([[step, 0, -_SPAN / 2], [0, step, -_SPAN / 2], [0, 0, 1]])
    # Shown at four times the size and then averaged: a large face is not sampled at single pixels.
    fine = affine @ grid @ np.diag([0.25, 0.25, 1.0])
    patch = cv2.warpAffine(
        pixels,
        fine,
        (4 * _SIDE, 4 * _SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    small = cv2.resize(patch, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean(axis=(0, 1))
    return np.asarray(small / max(1e-6, float(np.linalg.norm(small))), np.float32)


def resemblance(one: Look, other: Look) -> float:
    """From -1 to 1: the correlation of two looks."""
    return float((one * other).sum())
