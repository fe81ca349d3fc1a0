"""The kinds of arrays that this worker passes around, and how to make them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Floats", "Picture", "floats", "picture"]

Floats = NDArray[np.floating[Any]]
"""Numbers; float32 wherever there is one for each pixel."""

Picture = NDArray[np.uint8]
"""Pixels (height, width, 3) in OpenCV's order, BGR, or a mask (height, width)."""


def floats(values: ArrayLike) -> NDArray[np.float32]:
    """Values as float32, copied only where they are not."""
    return np.asarray(values, np.float32)


def picture(values: ArrayLike) -> Picture:
    """What OpenCV returned, known to be 8-bit pixels."""
    return np.asarray(values, np.uint8)
