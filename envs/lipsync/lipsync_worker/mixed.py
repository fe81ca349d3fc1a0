"""Poses by phonemes where they are known, by the sound where a sentence has its bounds only.

phonemes ───────╲   ╱─────── weight fades over 80 ms at a sentence's bounds
sound    ────────╳──────────
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats
from lipsync_worker.pose import Poses
from shared_schema.records import read_timings

__all__ = ["Untimed", "mix"]

FADE = 0.08
"""Seconds in which one way passes into the other."""


class Untimed(NamedTuple):
    """The sentences without phonemes of a timings file: (n, 2) starts and ends, seconds; are there others?"""

    bounds: NDArray[np.float64]
    some_timed: bool

    @classmethod
    def of(cls, timings: Path) -> Untimed:
        """Read a timings file once."""
        bounds, some_timed = [], False
        for utterance in read_timings(timings):
            if utterance.phones:
                some_timed = True
            else:
                bounds.append((utterance.start, utterance.end))
        return cls(np.asarray(bounds, np.float64).reshape(-1, 2), some_timed)


def mix(
    by_phonemes: Iterable[Poses], by_sound: Iterable[Poses], untimed: Untimed, rate: Fraction
) -> Iterator[Poses]:
    """Both ways' blocks (n, len(Param)) of poses as one; they must be cut alike."""
    done = 0
    for known, heard in zip(by_phonemes, by_sound, strict=True):
        times = np.asarray((np.arange(done, done + len(known)) + 0.5) / float(rate), np.float64)
        weight = _weight(times, untimed.bounds)[:, None]
        yield np.asarray(known * (1 - weight) + heard * weight, np.float32)
        done += len(known)


def _weight(times: NDArray[np.float64], bounds: NDArray[np.float64]) -> Floats:
    """How much the sound counts at each time, 0 to 1."""
    weight = np.zeros(len(times))
    near = (bounds[:, 1] > times[0] - FADE) & (bounds[:, 0] < times[-1] + FADE)
    for start, end in bounds[near]:
        inside = np.minimum(times - start, end - times)
        weight = np.maximum(weight, np.clip(inside / FADE + 1, 0, 1))
    return weight.astype(np.float32)
