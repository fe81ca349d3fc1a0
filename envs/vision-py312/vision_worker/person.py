"""Where in a picture the person is, to the hair.

    whole picture ─┐                                 ┌─ sure inside and outside ─┐
    body window   ─┼─ network, each also mirrored ─> rough mask ─guided filter─> fine mask
    head window   ─┘

The network sees 256 x 256 pixels, so a picture's pixel is a small part of one of its own. Windows give the
head more of them, and their mean is surer than each; the picture itself gives the edges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared_schema.errors import FaceError
from vision_worker.face import Face
from vision_worker.guided import guide
from vision_worker.images import Pixels
from vision_worker.reduced import Floats, as_floats, enlarged, reduced, strips
from vision_worker.segmentation import INPUT, Mask, Segmenter
from vision_worker.windows import Window, around, look, whole

__all__ = ["person_mask"]

_WINDOWS: Final = (6.0, 3.2)
"""Sides of the windows around the face besides the whole picture, in widths of the face: body, head."""

_WINDOW_WEIGHT: Final = 2.0
_FADE: Final = 0.12
"""Along this share of its side a window's weight falls to nothing at its edge."""

# Measured on two portraits set before four backgrounds each, in the strip of 9 pixels along the person's
# edge: windows of 1 to 4 cells of the network and epsilon from 0.0001 to 0.01; the best are within 1 % of
# each other, and the mask strays a quarter less than the network's own.
_RADIUS: Final = 4.0
_EPSILON: Final = 1e-3
_BAND: Final = 3.0
"""The fine mask may differ from the rough one this far from its edge, in cells of the network."""

_UNSURE: Final = (0.25, 0.75)
"""Of the network's own values only these count as something between person and background."""

_HAZE: Final = 0.1
"""What the filter leaves below this share, or above its complement, is none."""

_SURE: Final = 0.75
"""The least share of a face that must be seen as a person; 0.999 or more in the two portraits measured."""


def person_mask(
    pixels: Pixels, face: Face, segmenter: Segmenter, check: Callable[[], None] = lambda: None
) -> Mask:
    """How much of each pixel of a picture (H, W, 3) is the person whose face this is: (H, W), 0 to 1.

    Others count only where they touch that person. `check` is called between steps and may raise.
    Raises FaceError where no person is seen at the face.
    """
    size = pixels.shape[1], pixels.shape[0]
    small = reduced(pixels)
    scale = small.shape[1] / size[0]
    rough = _rough(np.rint(small * 255).astype(np.uint8), face.moved(scale, 0, 0), segmenter)
    check()
    inner, outer, unsure = _bounded(rough, face.moved(scale, 0, 0))
    cell = max(rough.shape) / INPUT
    slopes, offset = guide(small, unsure, max(1, round(_RADIUS * cell)), _EPSILON)
    fine = np.empty(pixels.shape[:2], np.float32)
    for rows in strips(size[1]):
        check()
        strip = (enlarged(slopes, rows, size) * as_floats(pixels[rows])).sum(axis=-1)
        strip += enlarged(offset, rows, size)
        strip = np.clip((strip - _HAZE) / (1 - 2 * _HAZE), 0, 1)
        fine[rows] = np.clip(strip, enlarged(inner, rows, size), enlarged(outer, rows, size))
    return fine


def _rough(pixels: Pixels, face: Face, segmenter: Segmenter) -> Floats:
    """The weighted mean of what the network sees in all windows, shape (H, W)."""
    height, width = pixels.shape[:2]
    windows = [whole(width, height, 0)]
    windows += [
        around(*face.centre, share * face.width)
        for share in _WINDOWS
        if share * face.width < max(width, height)
    ]
    total, weights = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for number, window in enumerate(windows):
        square = look(pixels, window, INPUT)
        mirrored = segmenter.look(np.ascontiguousarray(square[:, ::-1]))[:, ::-1]
        seen = (segmenter.look(square) + mirrored) / 2
        weight = _WINDOW_WEIGHT * _fading(window.side) if number else np.ones((window.side, window.side))
        inside, part = _overlap(window, width, height)
        seen = np.asarray(cv2.resize(seen, (window.side, window.side)), np.float32)
        total[inside] += (seen * weight)[part]
        weights[inside] += weight[part]
    return total / weights


def _fading(side: int) -> Floats:
    """Weights of a window, shape (side, side): 1 in the middle, less and less near the edge."""
    place = np.arange(side, dtype=np.float32) + 0.5
    run = np.clip(np.minimum(place, side - place) / (_FADE * side), 0, 1)
    return np.minimum(run[:, None], run[None, :])


def _overlap(window: Window, width: int, height: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns that window and picture share: in the picture, and in the window."""
    top, bottom = max(0, window.top), min(height, window.top + window.side)
    left, right = max(0, window.left), min(width, window.left + window.side)
    rows, columns = (
        slice(top - window.top, bottom - window.top),
        slice(left - window.left, right - window.left),
    )
    return (slice(top, bottom), slice(left, right)), (rows, columns)


def _bounded(rough: Floats, face: Face) -> tuple[Floats, Floats, Floats]:
    """What is surely the person and what may be, each 0 or 1, and the rough mask between; shapes (H, W)."""
    person = _connected(rough, face)
    reach = round(_BAND * max(rough.shape) / INPUT)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inner = np.asarray(cv2.erode(person, disc), np.float32)
    outer = np.asarray(cv2.dilate(person, disc), np.float32)
    low, high = _UNSURE
    return inner, outer, np.clip((rough - low) / (high - low), inner, outer)


def _connected(rough: Floats, face: Face) -> NDArray[np.uint8]:
    """1 in the one piece of the mask that the face belongs to; what else looks like a person is not meant."""
    _, pieces = cv2.connectedComponents((rough > 0.5).astype(np.uint8), connectivity=4)
    points = np.rint(face.inside(rough.shape[1], rough.shape[0]).points[:, :2]).astype(np.int32)
    oval = np.zeros(rough.shape, np.uint8)
    cv2.fillConvexPoly(oval, cv2.convexHull(points), (1,))
    counts = np.bincount(pieces[oval > 0])
    counts[0] = 0
    if counts.sum() < _SURE * oval.sum():
        raise FaceError(
            "The person cannot be told from the background of this picture.",
            "Keep it with `--background keep`, or use a photo with a plainer background.",
        )
    return np.asarray(pieces == counts.argmax(), np.uint8)
