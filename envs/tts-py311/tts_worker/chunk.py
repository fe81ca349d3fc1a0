"""A piece of speech on its way into the files, whichever engine made it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared_schema.records import Phone

__all__ = ["Chunk", "Samples"]

Samples = npt.NDArray[np.float32]
"""Mono sound, (N,) in [-1, 1]."""


class Chunk(NamedTuple):
    """Sound spoken in one go, without silence at its ends, and its phonemes in seconds from the first sample.

    `phones` is empty where only the sound itself is known.
    """

    samples: Samples
    phones: list[Phone]
