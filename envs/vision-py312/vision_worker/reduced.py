"""A picture at a size that is quick to reckon with, and the way back, strip by strip, in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_worker.images import Pixels

__all__ = ["Floats", "as_floats", "enlarged", "reduced", "strips"]

Floats = NDArray[np.float32]
"""A picture with values from 0 to 1, or one value for each of its pixels: shape (H, W, 3) or (H, W)."""

_LONGEST: Final = 768
"""What is smooth is reckoned with at most this many pixels along a side."""

_ROWS: Final = 128


def reduced(pixels: Pixels) -> Floats:
    """The picture (H, W, 3) scaled down to 768 pixels on its longer side, where it has more."""
    height, width = pixels.shape[:2]
    share = _LONGEST / max(height, width)
    if share >= 1:
        return as_floats(pixels)
    size = max(1, round(width * share)), max(1, round(height * share))
    return as_floats(np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8))


def as_floats(values: NDArray[np.uint8]) -> Floats:
    """From bytes to 0 to 1."""
    return values.astype(np.float32) / np.float32(255)


def strips(height: int) -> Iterator[slice]:
    """The rows of a picture, some at a time."""
    for top in range(0, height, _ROWS):
        yield slice(top, min(top + _ROWS, height))


def enlarged(small: Floats, rows: slice, size: tuple[int, int]) -> Floats:
    """These rows of `small` as it would be at `size` (width, height), linearly between its pixels."""
    width, height = size
    if small.shape[1::-1] == size:
        return small[rows]
    across, down = small.shape[1] / width, small.shape[0] / height
    # Pixels have their middle at .5: (x + 0.5) * across - 0.5, and the same downwards from the strip's top.
    place = np.array([[across, 0, across / 2 - 0.5], [0, down, (rows.start + 0.5) * down - 0.5]])
    return np.asarray(
        cv2.warpAffine(
            small,
            place,
            (width, rows.stop - rows.start),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )
