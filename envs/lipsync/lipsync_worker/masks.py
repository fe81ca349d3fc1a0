"""Which pixels of a face a neural network's picture of it replaces, and how softly.

A mask is made in the crop box, which is half as large again as the face's box. All masks end at the face's
box and begin at half the crop's height, where the network's own work begins, and are blurred by a share of
the crop's width, as in MuseTalk (Zhang et al. 2024). It asks a face-parsing network where skin and lips are;
here the landmarks say so, since weights of such a network for any use are not to be had. With weights for
research `parser` does as the original.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.bicubic import resized
from lipsync_worker.face_box import Box
from lipsync_worker.landmarks import JAW_LINE
from shared_schema.mesh import LOWER_RINGS, UPPER_RINGS
from shared_schema.stages import Mask

__all__ = ["PARSED", "jaw", "mask_of", "parsed_mask"]

OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
SIDES: Final = (132, *JAW_LINE, 361)
BELOW_NOSE: Final = (425, 391, 393, 164, 167, 165, 205)  # from cheek to cheek, subject's left to right
LIPS: Final = (*UPPER_RINGS[0], *LOWER_RINGS[0][::-1])
NOSE: Final = (168, 417, 465, 437, 420, 279, 358, 294, 327, 326, 2, 97, 98, 64, 129, 49, 198, 217, 245, 193)
BLUR = 0.05  # of the crop's width
FURTHEST = 0.35  # of the way to the lips: in a turned face the far side is narrower than the blur
SUBPIXEL = 4  # bits after the point in cv2's drawing

PARSED: Final = 512
"""The side of what a face-parsing network is shown, pixels."""

# So large are the pictures in which MuseTalk v1.5 shapes the skin: it grows, mostly upwards, by a cone with a
# tail; then what is further than 80 pixels from the middle is trimmed from the sides.
CONE, TAIL = 21, 12
TRIM = (35, 3)  # an ellipse, twice
MIDDLE = 80


def mask_of(kind: Mask, points: Floats, box: Box, crop: Box, *, compat: bool = False) -> Picture:
    """The mask (h, w) of a crop box, 0 to 255; 0 at the crop's border.

    `points` (478, 2 or 3) and both boxes are pixels of the picture, which the crop may leave. `landmarks`
    stays clear of the jaw's outline by a blur's reach, so that no background comes along. It is blurred
    twice as wide as high, since a cheek has no edge to hide a seam; with `compat` as the others are.
    """
    outline = points[:, :2] - np.array([crop.left, crop.top], np.float32)
    reach = _kernel(crop)
    kernel = (2 * reach - 1, reach) if kind is Mask.LANDMARKS and not compat else (reach, reach)
    if kind is Mask.V1:
        shape = _filled(outline[list(OVAL)], crop)
    elif kind is Mask.V15:
        skin, nose, lips = (_filled(outline[list(part)], crop) for part in (OVAL, NOSE, LIPS))
        shape = jaw(skin, nose, lips)
    else:
        shape = _filled(_inner(outline, kernel), crop)
    return _blurred(_limited(shape, box, crop), kernel)


def parsed_mask(parsed: Picture, box: Box, crop: Box) -> Picture:
    """The mask (h, w) of a crop box from what a face-parsing network found in it, as MuseTalk makes it.

    `parsed` (512, 512) is 255 where skin and lips are, else 0.
    """
    reach = _kernel(crop)
    return _blurred(_limited(resized(parsed, crop.width), box, crop), (reach, reach))


def jaw(skin: Picture, nose: Picture, lips: Picture) -> Picture:
    """The shape of MuseTalk v1.5 from three masks (h, w): skin trimmed at the cheeks, no nose, but lips."""
    width = skin.shape[1]
    scale = width / PARSED
    grown = picture(cv2.dilate(skin, _cone(scale)))
    trim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, [max(round(side * scale), 1) | 1 for side in TRIM])
    shape = picture(cv2.erode(grown, trim, iterations=2))
    middle = slice(width // 2 - round(MIDDLE * scale) + 1, width // 2 + round(MIDDLE * scale))
    shape[:, middle] = grown[:, middle]
    return picture(cv2.bitwise_or(cv2.bitwise_and(shape, ~nose), lips))


def _cone(scale: float) -> Picture:
    """The kernel of v1.5: a triangle that widens downwards from half the cone's height, and a tail."""
    side = max(round((CONE + TAIL) * scale), 1)
    rows, columns = np.mgrid[:side, :side] / scale
    width = np.clip(rows - CONE // 2, -1, CONE // 2)
    return picture(np.abs(columns - (side - 1) / scale / 2) <= width)


def _kernel(crop: Box) -> int:
    """The width of the blur in pixels, odd."""
    return int(BLUR * crop.width // 2 * 2) + 1


def _limited(mask: Picture, box: Box, crop: Box) -> Picture:
    """The mask within the face's box and the lower half of the crop."""
    face = box.seen_from(crop)
    low = max(crop.height // 2, face.top)
    limited = np.zeros_like(mask)
    rows, columns = slice(low, max(face.bottom, low)), slice(face.left, face.right)
    limited[rows, columns] = mask[rows, columns]
    return limited


def _blurred(mask: Picture, kernel: tuple[int, int]) -> Picture:
    blurred: Picture = np.zeros_like(mask)
    rows = slice(max(mask.shape[0] // 2 - kernel[1], 0), None)  # all is 0 above: half the time is saved
    blurred[rows] = cv2.GaussianBlur(mask[rows], kernel, 0)
    return blurred


def _inner(outline: Floats, kernel: tuple[int, int]) -> Floats:
    """The outline (n, 2) of what is below the nose, its sides moved inwards as far as the blur reaches."""
    sides = outline[list(SIDES)]
    inwards = outline[list(LIPS)].mean(0) - sides
    length = np.maximum(np.linalg.norm(inwards, axis=1, keepdims=True), 1)
    way = np.abs(inwards / length) @ np.array(kernel, np.float32)[:, None] / 2
    return np.concatenate([sides + inwards * np.minimum(way / length, FURTHEST), outline[list(BELOW_NOSE)]])


def _filled(outline: Floats, crop: Box) -> Picture:
    mask = np.zeros((crop.height, crop.width), np.uint8)
    points = np.round(np.clip(outline, -30000, 30000) * (1 << SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_8, SUBPIXEL)
    return mask
