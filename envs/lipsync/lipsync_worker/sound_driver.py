"""Poses from the sound alone, where nobody knows the phonemes: any language, any recording.

How loud the voice is opens the mouth; where its energy lies shapes it. A first formant above 500 Hz is an
open vowel, energy above 2 kHz a front one (lips apart), none there a rounded one, and most energy above 3.5
kHz a fricative (teeth together) (Peterson & Barney 1952). Below the recording's silence the lips stay
together.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from lipsync_worker.arrays import Floats
from lipsync_worker.loudness import Levels, Reference
from lipsync_worker.pose import Param, Poses
from lipsync_worker.tracks import Block, blocks, stress
from lipsync_worker.warp import smoothstep

__all__ = ["poses"]


def poses(levels: Levels, reference: Reference, frames: int, rate: Fraction) -> Iterator[Poses]:
    """Blocks (n, len(Param)) of poses, `frames` rows in all, at `rate` frames a second."""
    for block in blocks(levels, reference, frames, rate):
        target = _targets(block)
        yield np.clip(block.averaged(target, np.ones_like(target)), 0, 1)


def _targets(block: Block) -> Floats:
    """Targets (ticks, len(Param)) from the levels at each tick."""
    target = np.zeros((len(block.ticks), len(Param)), np.float32)
    if not np.isfinite(block.rows).all():
        return target
    low, first, second, front, high = block.rows[:, 1:].T
    heard = smoothstep(block.voice, 0.02, 0.25)
    hiss = heard * smoothstep(high - np.maximum(low, first), 0.0, 10.0)
    vowel = heard * (1 - hiss)
    open_vowel = smoothstep(first - low, -9.0, 6.0)
    spread = smoothstep(np.maximum(front, second) - first, -14.0, 2.0) * (1 - 0.7 * open_vowel)
    rounded = smoothstep(np.maximum(low, first) - np.maximum(second, front), 12.0, 26.0)
    loud = np.minimum(block.voice, 1)
    target[:, Param.JAW] = vowel * loud * (0.22 + 0.55 * open_vowel) * (1 - 0.3 * rounded) + 0.05 * hiss
    target[:, Param.WIDE] = vowel * 0.7 * spread + 0.3 * hiss
    target[:, Param.ROUND] = vowel * 0.7 * rounded
    target[:, Param.RAISE] = 0.2 * vowel * open_vowel + 0.25 * hiss
    target[:, Param.LOWER] = 0.35 * hiss
    target[:, Param.RELAX] = heard > 0
    target[:, Param.BROW] = stress(block.voice)
    return target
