"""Segments of sound to poses, frame by frame: each sound's targets flow into its neighbours'.

    segments --(targets and dominance on 5 ms ticks)--> weighed moving averages (`tracks`)
             --> sampled at the middle of each frame --> contacts put on top

A contact is not averaged: each p, b, m gets at least one frame with the lips together, each f, v one with
the lip on the teeth, whatever the frame rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from lipsync_worker.arrays import Floats
from lipsync_worker.loudness import Levels, Reference
from lipsync_worker.pose import Param, Poses
from lipsync_worker.timeline import Segment
from lipsync_worker.tracks import REACH, Block, blocks, stress

__all__ = ["poses"]

CONTACTS = (Param.CLOSE, Param.DENTAL)
EASE = 0.06  # seconds in which a contact is made and undone
ONSET = 0.05  # seconds by which the face readies itself before speech
QUIET_VOWEL, LOUD_VOWEL = 0.48, 1.08  # how far a vowel opens the jaw, from a murmur to a loud voice


def poses(
    track: Iterable[Segment], levels: Levels, reference: Reference, frames: int, rate: Fraction
) -> Iterator[Poses]:
    """Blocks (n, len(Param)) of poses, `frames` rows in all, at `rate` frames a second.

    Reads `track` and `levels` only a little ahead of the block it yields.
    """
    window = _Window(iter(track))
    for block in blocks(levels, reference, frames, rate):
        seen = window.between(float(block.times[0]) - REACH, float(block.times[-1]) + REACH)
        rows = block.averaged(*_targets(seen, block))
        _touch(rows, seen, block.times, 1 / float(rate))
        yield np.clip(rows, 0, 1)


class _Window:
    """Segments around the block being worked on."""

    def __init__(self, track: Iterator[Segment]) -> None:
        self._track = track
        self._kept: list[Segment] = []

    def between(self, start: float, end: float) -> list[Segment]:
        while not self._kept or self._kept[-1].start <= end:
            segment = next(self._track, None)
            if segment is None:
                break
            self._kept.append(segment)
        self._kept = [segment for segment in self._kept if segment.end >= start]
        return self._kept


def _targets(seen: list[Segment], block: Block) -> tuple[Floats, Floats]:
    """Targets and weights (ticks, len(Param)); where nothing is known the face rests."""
    target = np.zeros((len(block.ticks), len(Param)), np.float32)
    weight = np.full((len(block.ticks), len(Param)), 1e-3, np.float32)
    opening = QUIET_VOWEL + (LOUD_VOWEL - QUIET_VOWEL) * np.minimum(block.voice, 1)
    for segment in seen:
        rows = slice(*np.searchsorted(block.ticks, (segment.start, segment.end)))
        target[rows], weight[rows] = segment.viseme.target, segment.viseme.dominance
        if segment.viseme.vowel:
            target[rows, Param.JAW] *= opening[rows]
        if segment.talking:
            ready = slice(*np.searchsorted(block.ticks, (segment.start - ONSET, segment.end)))
            target[ready, Param.RELAX] = 1
    target[:, Param.BROW] = stress(block.voice)
    weight[:, [Param.RELAX, Param.BROW]] = 1
    return target, weight


def _touch(rows: Poses, seen: list[Segment], times: Floats, period: float) -> None:
    """Put on the contacts; shut lips touch no teeth."""
    for position, segment in enumerate(seen):
        for param in CONTACTS:
            if segment.viseme.target[param] > 0:
                beside = [seen[i] for i in (position - 1, position + 1) if 0 <= i < len(seen)]
                ease = min([EASE, *(0.6 * (other.end - other.start) for other in beside)])
                _contact(rows[:, param], (segment.start, segment.end), times, max(ease, 0.02), period)
    rows[:, Param.DENTAL] *= 1 - rows[:, Param.CLOSE]


def _contact(column: Floats, span: tuple[float, float], times: Floats, ease: float, period: float) -> None:
    """1 from start to end and on the frame nearest its middle, easing to 0 on both sides."""
    start, end = span
    if end - start < period:  # no frame may fall within: take in the one nearest the middle
        nearest = (np.floor((start + end) / 2 / period) + 0.5) * period
        start, end = min(start, float(nearest)), max(end, float(nearest))
    outside = np.maximum(start - times, times - end)
    share = 1 - np.clip(outside / ease, 0, 1)
    eased = share * share * (3 - 2 * share)
    eased[outside <= 1e-6] = 1
    np.maximum(column, eased, out=column)
