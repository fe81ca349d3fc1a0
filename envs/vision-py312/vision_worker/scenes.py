"""Where a video cuts from one scene to another.

Two frames belong together where most of what one shows is found again in the other, not too far away: frames
are reduced to 64 pixels, and each textured block of 12 x 12 is searched for in the other one by
normalised correlation (block matching, as video coders do). That follows motion, and light may change.

There is a cut before a frame where it and the two after it resemble none of the three before. So a flash, or
somebody who passes in front of the camera for a moment, is none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["MIN_LIKENESS", "Thumbnail", "likeness", "scene_numbers", "thumbnail"]

Thumbnail = NDArray[np.float32]
"""A reduced frame, shape (H, W, 3), RGB."""

MIN_LIKENESS: Final = 0.62
"""Frames that are less alike belong to different scenes. Measured on two photos, 16:9: different ones 0.42,
parts of them 0.40 to 0.56, coloured clouds 0.46. One and the same, from frame to frame: moved by a tenth of
the frame 0.89, zoomed by 15 % 0.78, rolled by 10 degrees 0.81, blurred by motion 0.83, a third covered 0.67,
dimmed, overexposed or noisy 0.95. Cuts to its mirror image, 0.69, and to a close-up from it, 0.45 to 0.63,
may be missed: there the search for the face finds it again.
"""

_SIDE: Final = 64
_BLOCK: Final = 12
_REACH: Final = 10
"""How far a block may have moved, in pixels of the reduced frame: a sixth of the whole one."""

_TEXTURE: Final = 4.0
"""Standard deviation of a block, in grey levels, below which it says nothing."""

_SAME: Final = 0.97
"""Correlation of whole frames from which on nothing needs to be searched for."""

_FLASH: Final = 3
"""What lasts for fewer frames than this is no scene."""


def thumbnail(frame: Any) -> Thumbnail:
    """A frame (H, W, 3), any buffer of bytes, reduced to 64 pixels along the longer side."""
    pixels = np.asarray(frame)
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    size = max(_BLOCK, round(width * scale)), max(_BLOCK, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)


def likeness(one: Thumbnail, other: Thumbnail) -> float:
    """How much of each of two reduced frames is found in the other one, 0 to 1; two plain ones are alike."""
    centred = one - one.mean(axis=(0, 1)), other - other.mean(axis=(0, 1))
    lengths = [float(np.linalg.norm(each)) for each in centred]
    if float((centred[0] * centred[1]).sum()) > _SAME * lengths[0] * lengths[1]:
        return 1.0
    return min(_found(one, other), _found(other, one))


def scene_numbers(
    frames: Iterable[Any], tick: Callable[[int], None] = lambda _done: None
) -> NDArray[np.int32]:
    """The scene of each frame (H, W, 3), from 0, one more after each cut; `tick(done)` is called for each."""
    near: dict[int, Thumbnail] = {}
    cuts = [0]
    count = 0
    for count, frame in enumerate(frames, 1):
        near[count - 1] = thumbnail(frame)
        _look(count - _FLASH, near, cuts)
        near.pop(count - 2 * _FLASH, None)
        tick(count)
    for place in range(max(1, count - _FLASH + 1), count):
        _look(place, near, cuts)
    marks = np.zeros(count, np.int32)
    marks[cuts[1:]] = 1
    return np.cumsum(marks, dtype=np.int32)


def _look(place: int, near: dict[int, Thumbnail], cuts: list[int]) -> None:
    """Add a cut before the frame at `place` if there is one, by the frames that are near it."""
    before = [near[index] for index in range(place - 1, place - 1 - _FLASH, -1) if index in near]
    after = [near[index] for index in range(place, place + _FLASH) if index in near]
    if not before or not after or (len(cuts) > 1 and place - cuts[-1] < _FLASH):
        return
    if not any(likeness(*pair) >= MIN_LIKENESS for pair in itertools.product(before, after)):
        cuts.append(place)


def _found(one: Thumbnail, other: Thumbnail) -> float:
    """Mean over the blocks of `one`, by their contrast, of how well each is found in `other`."""
    height, width = one.shape[:2]
    total = weights = 0.0
    padded = cv2.copyMakeBorder(other, _REACH, _REACH, _REACH, _REACH, cv2.BORDER_REPLICATE)
    starts = itertools.product(range(0, height - _BLOCK + 1, _BLOCK), range(0, width - _BLOCK + 1, _BLOCK))
    for top, left in starts:
        block = one[top : top + _BLOCK, left : left + _BLOCK]
        contrast = float(block.std(axis=(0, 1)).mean())
        if contrast < _TEXTURE:
            continue
        around = padded[top : top + _BLOCK + 2 * _REACH, left : left + _BLOCK + 2 * _REACH]
        best = float(cv2.matchTemplate(around, block, cv2.TM_CCOEFF_NORMED).max())
        total += contrast * max(0.0, best)
        weights += contrast
    return total / weights if weights else 1.0
