"""A generated face put back into its picture, seamlessly and to the bit as MuseTalk does with Pillow."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.face_box import Box
from lipsync_worker.masks import mask_of, parsed_mask
from shared_schema.stages import Mask

__all__ = ["Parser", "Paster", "Seam", "crop_box", "cut"]

EXPAND = 1.5

Parser = Callable[[Picture], Picture]
"""From a crop (h, w, 3) BGR to a mask (512, 512): 255 where skin and lips are, else 0."""


def crop_box(box: Box) -> Box:
    """The square about a face's box, one and a half times its longer side; it may leave the picture."""
    across, down = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    half = int(max(box.width, box.height) // 2 * EXPAND)
    return Box(across - half, down - half, across + half, down + half)


def cut(pixels: Picture, crop: Box) -> Picture:
    """The crop (h, w, 3) of a picture, black where it leaves the picture."""
    inside = crop.overlap(Box(0, 0, pixels.shape[1], pixels.shape[0]))
    part = np.zeros((crop.height, crop.width, 3), np.uint8)
    if inside.width > 0 and inside.height > 0:
        inside.seen_from(crop).of(part)[:] = inside.of(pixels)
    return part


class Seam:
    """Blends faces into the same place of pictures under the same mask.

    The formula is Pillow's, in whole numbers: t = face * mask + picture * (255 - mask) + 128, and the result
    is (t + t / 256) / 256, both rounded down.
    """

    def __init__(self, mask: Picture, box: Box, crop: Box, size: tuple[int, int]) -> None:
        """`mask` (h, w) of the crop box; `size` (width, height) of the pictures."""
        region = box.overlap(crop).overlap(Box(0, 0, *size))
        if region.width <= 0 or region.height <= 0:
            region = Box(box.left, box.top, box.left, box.top)
        rows = np.flatnonzero(region.seen_from(crop).of(mask).any(1))
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        self.region = Box(region.left, region.top + top, region.right, region.top + bottom)
        """What is touched: beside it the mask is 0, or the face is the picture itself."""
        self._box = box
        # Three channels, since numpy is slow where the last axis is stretched.
        weight = self.region.seen_from(crop).of(mask).astype(np.uint16)[..., None]
        self._weight = np.repeat(weight, 3, axis=2)
        self._rest = 255 - self._weight

    def blend(self, pixels: Picture, face: Picture) -> None:
        """Put a face (box height, box width, 3) into a picture (h, w, 3), in place."""
        if not self._weight.size:
            return
        below = self.region.of(pixels)
        above = self.region.seen_from(self._box).of(face)
        # 255 * 255 + 128 and its 256th part still fit into 16 bits.
        total: NDArray[np.uint16] = np.multiply(above, self._weight, dtype=np.uint16)
        total += np.multiply(below, self._rest, dtype=np.uint16)
        total += 128
        total += total >> 8
        total >>= 8
        below[:] = total


class Paster:
    """Pastes the faces of one video into its frames."""

    def __init__(self, kind: Mask, *, compat: bool = False, parser: Parser | None = None) -> None:
        """With a `parser` the mask is what that finds, else it is made from landmarks (`masks.mask_of`)."""
        self._kind = kind
        self._compat = compat
        self._parser = parser
        self._points: Floats | None = None
        self._box: Box | None = None
        self._size = (0, 0)
        self._seam: Seam | None = None

    def paste(self, pixels: Picture, points: Floats, box: Box, face: Picture) -> Box:
        """Put a generated face into a picture (h, w, 3), in place; the rectangle that was touched.

        `points` (478, 2 or 3) and `box` say where the face is in this picture. A face (h, w, 3) that has not
        the box's size is brought to it (linear, as in MuseTalk). While box and points stay as they are, so
        does the mask: making one takes longer than pasting.
        """
        seam = self._seam_for(pixels, points, box)
        if face.shape[:2] != (box.height, box.width):
            face = picture(cv2.resize(face, (box.width, box.height), interpolation=cv2.INTER_LINEAR))
        seam.blend(pixels, face)
        return seam.region

    def _seam_for(self, pixels: Picture, points: Floats, box: Box) -> Seam:
        size = (pixels.shape[1], pixels.shape[0])
        known = self._points is not None and np.array_equal(points, self._points)
        if self._seam is None or not known or (box, size) != (self._box, self._size):
            crop = crop_box(box)
            if self._parser is None:
                mask = mask_of(self._kind, points, box, crop, compat=self._compat)
            else:
                mask = parsed_mask(self._parser(cut(pixels, crop)), box, crop)
            self._seam = Seam(mask, box, crop, size)
            self._points, self._box, self._size = points.copy(), box, size
        return self._seam
