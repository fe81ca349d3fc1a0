"""Targets over time to smooth motion, in blocks of frames: what both drivers share.

Articulators are averaged over past and future, each over its own span: lips round before the vowel that needs
it, as people's do, and no jaw jumps. A block sees `REACH` seconds around it, so memory does not grow with
length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats
from lipsync_worker.loudness import Levels, Reference
from lipsync_worker.pose import Param, Poses, rest

__all__ = ["REACH", "SPANS", "Block", "blocks", "stress"]

TICK = 0.005
FRAMES = 64  # worked out at a time
REACH = 0.40
"""Seconds of context on both sides of a block; more than half the widest span."""

SPANS = {
    Param.JAW: 0.10, Param.WIDE: 0.20, Param.ROUND: 0.24, Param.RAISE: 0.14, Param.LOWER: 0.12,
    Param.TONGUE: 0.10, Param.RELAX: 0.40, Param.BROW: 0.60,
}  # fmt: skip
"""Whole width in seconds of the averaging window of each parameter: how sluggish its articulator is."""


@dataclass(frozen=True)
class Block:
    """A run of frames: the `times` of their middles and, around them, finer `ticks`, both seconds.

    `voice` is the relative loudness at each tick, `rows` the levels there in dB, shape (ticks, FEATURES).
    """

    times: NDArray[np.float64]
    ticks: NDArray[np.float64]
    voice: Floats
    rows: Floats

    def averaged(self, target: Floats, weight: Floats) -> Poses:
        """Targets (ticks, len(Param)) as poses of the frames; where `weight` is small, others decide."""
        poses = rest(len(self.times))
        for param, span in SPANS.items():
            kernel = np.hanning(int(span / TICK) + 2)[1:-1]
            total = np.convolve(target[:, param] * weight[:, param], kernel, "same")
            flowed = total / np.convolve(weight[:, param], kernel, "same")
            poses[:, param] = np.interp(self.times, self.ticks, flowed)
        return poses


def blocks(levels: Levels, reference: Reference, frames: int, rate: Fraction) -> Iterator[Block]:
    """All frames of a video in order. Levels that lie behind are forgotten."""
    for first in range(0, frames, FRAMES):
        numbers = np.arange(first, min(first + FRAMES, frames))
        times = np.asarray((numbers + 0.5) / float(rate), np.float64)
        low, high = times[0] - REACH, times[-1] + REACH
        ticks = (np.arange(math.floor(low / TICK), math.ceil(high / TICK) + 1) + 0.5) * TICK
        at, seen = levels.between(float(low), float(high))
        columns = [np.interp(ticks, at, column) for column in seen.T] if len(at) else None
        rows = np.full((len(ticks), seen.shape[1]), -np.inf) if columns is None else np.stack(columns, axis=1)
        rows = rows.astype(np.float32)
        yield Block(times, ticks, reference.relative(rows[:, 0]), rows)
        levels.forget(float(times[-1]) - 2 * REACH)


def stress(voice: Floats) -> Floats:
    """How far the voice stands out, 0 to 1: brows and head follow it."""
    return np.asarray(np.clip((voice - 0.94) * 8, 0, 1), np.float32)
