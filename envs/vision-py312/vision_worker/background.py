"""What is behind the person: kept, blurred, or replaced by a colour.

A pixel at the person's edge shows both: I = a F + (1 - a) B, with the mask a. To set F before another
background it is first freed of B, or the old background would stay as a fringe. F and B are estimated as
Forte does ("Approximate Fast Foreground Colour Estimation", ICIP 2021): means of the surroundings, weighted
by the mask and by its complement, in a wide window and then a narrow one, and what of I they do not explain
goes to F.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from vision_worker.face import Face
from vision_worker.guided import box_mean
from vision_worker.images import Pixels
from vision_worker.person import person_mask
from vision_worker.reduced import Floats, as_floats, enlarged, reduced, strips
from vision_worker.segmentation import Mask, Segmenter

__all__ = ["blurred", "coloured", "with_background"]

_WIDE: Final = 1 / 12
_NARROW: Final = 1 / 128
"""Radii of the windows for the colours of person and background, as shares of the picture's longer side."""

_BLUR: Final = 0.02
"""Standard deviation of the background's blur, as a share of the longer side: a portrait lens, wide open."""

_PURE: Final = np.float32(0.1)
"""Where the person has this share of a pixel, it is no background any more."""

_NONE: Final = np.float32(1e-4)


def with_background(
    pixels: Pixels, face: Face, background: str, segmenter: Segmenter, check: Callable[[], None]
) -> Pixels:
    """The picture (H, W, 3) with "keep", "blur" or "#rrggbb" behind the person whose face this is.

    Raises FaceError where no person is seen at the face, and whatever `check`, called between steps, raises.
    """
    if background == "keep":
        return pixels
    mask = person_mask(pixels, face, segmenter, check)
    check()
    if background == "blur":
        return blurred(pixels, mask)
    red, green, blue = bytes.fromhex(background.removeprefix("#"))
    return coloured(pixels, mask, (red, green, blue))


def coloured(pixels: Pixels, mask: Mask, colour: tuple[int, int, int]) -> Pixels:
    """The person before one colour (sRGB, 0 to 255); picture (H, W, 3), mask (H, W)."""
    return _before(pixels, mask, as_floats(np.array(colour, np.uint8).reshape(1, 1, 3)))


def blurred(pixels: Pixels, mask: Mask) -> Pixels:
    """The person before the picture's own background out of focus; picture (H, W, 3), mask (H, W).

    Only what is background is averaged (normalised convolution: Knutsson and Westin, 1993), so that the
    person leaves no glow in it; and as light, not as sRGB values, so that lamps stay bright.
    """
    small = reduced(pixels)
    softness = _BLUR * max(small.shape)
    share = np.maximum(0, 1 - _shrunk(mask, small) / _PURE)[..., None]
    light = cv2.GaussianBlur(small**2 * share, (0, 0), softness)  # sRGB's curve is near a square
    weight = cv2.GaussianBlur(share, (0, 0), softness)[..., None]
    return _before(pixels, mask, np.sqrt(light / np.maximum(weight, _NONE)))


def _before(pixels: Pixels, mask: Mask, background: Floats) -> Pixels:
    """The person before this background: one pixel, or a small picture of the same shape."""
    small = reduced(pixels)
    person, behind = _colours(small, _shrunk(mask, small))
    size = pixels.shape[1], pixels.shape[0]
    shown = np.empty_like(pixels)
    for rows in strips(size[1]):
        share, seen = mask[rows, :, None], as_floats(pixels[rows])
        near, far = enlarged(person, rows, size), enlarged(behind, rows, size)
        own = np.clip(near + share * (seen - share * near - (1 - share) * far), 0, 1)
        new = background if background.shape[:2] == (1, 1) else enlarged(background, rows, size)
        shown[rows] = np.rint((share * own + (1 - share) * new) * 255)
    return shown


def _colours(picture: Floats, mask: Mask) -> tuple[Floats, Floats]:
    """Smooth colours of the person and of the background everywhere, shapes (H, W, 3)."""
    share = mask[..., None]
    person = behind = picture
    for part in (_WIDE, _NARROW):
        radius = max(2, round(part * max(mask.shape)))
        inside = box_mean(mask, radius)[..., None]
        near = box_mean(person * share, radius) / np.maximum(inside, _NONE)
        far = box_mean(behind * (1 - share), radius) / np.maximum(1 - inside, _NONE)
        person = np.clip(near + share * (picture - share * near - (1 - share) * far), 0, 1)
        behind = far
    return near, far


def _shrunk(mask: Mask, small: Floats) -> Mask:
    """The mask at the size of the reduced picture."""
    return np.asarray(cv2.resize(mask, small.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
