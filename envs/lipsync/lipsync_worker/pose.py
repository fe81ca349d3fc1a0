"""What a face does at one moment, as a row of numbers: the common language of drivers and compositor."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Param", "Poses", "rest"]

Poses = NDArray[np.float32]
"""One row a frame, one column a `Param`, each 0 (at rest) to 1."""


class Param(IntEnum):
    """The columns of `Poses`. All of them 0 is the photo with its lips together."""

    JAW = 0
    """How far the jaw is dropped."""
    WIDE = 1
    """Corners drawn apart, as in "ee"."""
    ROUND = 2
    """Corners drawn in and lips pushed forward, as in "oo"."""
    RAISE = 3
    """Upper lip raised from the teeth."""
    LOWER = 4
    """Lower lip drawn down from the teeth."""
    CLOSE = 5
    """Lips together: 1 leaves no gap, whatever the jaw does."""
    DENTAL = 6
    """Lower lip against the upper teeth, as in "f"."""
    TONGUE = 7
    """Tip of the tongue behind the upper teeth."""
    RELAX = 8
    """The photo's expression gives way to speech: the corners of a smile come in and down."""
    BROW = 9
    """Brows raised a little, on stressed words."""


def rest(frames: int) -> Poses:
    """`frames` rows of a face at rest, shape (frames, len(Param))."""
    return np.zeros((frames, len(Param)), np.float32)
