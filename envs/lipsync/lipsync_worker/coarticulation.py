"""Segments of sound to poses, frame by frame: each sound's targets flow into its neighbours'.

    segments --(targets and dominance on 5 ms ticks)--> weighed moving averages, wide for the lips' rounding,
    narrow for the jaw --> sampled at the middle of each frame --> closures put on top

The average is over past and future, so lips round before the vowel that needs it, as people's do. A closure is
not averaged: each p, b, m gets at least one frame with the lips together, whatever the frame rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from lipsync_worker.face_frame import Floats
from lipsync_worker.loudness import Levels, Reference
from lipsync_worker.pose import Param, Poses, rest
from lipsync_worker.timeline import Segment

__all__ = ["BLOCK", "poses"]

TICK = 0.005
BLOCK = 64
"""Frames worked out at a time."""

REACH = 0.40  # seconds of context on both sides of a block; more than half the widest kernel
SPANS = {
    Param.JAW: 0.10, Param.WIDE: 0.20, Param.ROUND: 0.24, Param.RAISE: 0.14, Param.LOWER: 0.12,
    Param.TONGUE: 0.10, Param.RELAX: 0.40, Param.BROW: 0.60,
}  # fmt: skip
"""Whole width in seconds of the averaging window of each parameter: how sluggish its articulator is."""

CONTACTS = (Param.CLOSE, Param.DENTAL)
EASE = 0.06  # seconds in which a contact is made and undone
ONSET = 0.05  # seconds by which the face readies itself before speech


def poses(
    track: Iterable[Segment], levels: Levels, reference: Reference, frames: int, rate: Fraction
) -> Iterator[Poses]:
    """Blocks (at most BLOCK, len(Param)) of poses, `frames` rows in all, at `rate` frames a second."""
    window = _Window(iter(track))
    for first in range(0, frames, BLOCK):
        count = min(BLOCK, frames - first)
        times = (np.arange(first, first + count) + 0.5) / float(rate)
        start, end = float(times[0]) - REACH, float(times[-1]) + REACH
        seen = window.between(start, end)
        loud = reference.relative(levels.between(start, end)[1][:, 0])
        loud_times = levels.between(start, end)[0]
        ticks = np.arange(int(np.floor(start / TICK)), int(np.ceil(end / TICK)) + 1)
        tracks = _flow(seen, ticks, (loud_times, loud))
        block = rest(count)
        for param in SPANS:
            block[:, param] = np.interp(times, ticks * TICK, tracks[:, param])
        _touch(block, seen, times, 1 / float(rate))
        yield np.clip(block, 0, 1.15)
        levels.forget(float(times[-1]) - 2 * REACH)


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


def _flow(seen: list[Segment], ticks: Floats, loudness: tuple[Floats, Floats]) -> Floats:
    """Averaged tracks (ticks, len(Param))."""
    middle = (ticks + 0.5) * TICK
    target = np.zeros((len(ticks), len(Param)), np.float32)
    weight = np.full((len(ticks), len(Param)), 1e-3, np.float32)
    if len(loudness[0]):
        voice = np.interp(middle, *loudness)
    else:
        voice = np.zeros(len(ticks))
    for segment in seen:
        rows = slice(*np.searchsorted(middle, (segment.start, segment.end)))
        target[rows], weight[rows] = segment.viseme.target, segment.viseme.dominance
        if segment.viseme.vowel:
            target[rows, Param.JAW] *= (0.62 + 0.42 * voice[rows]).astype(np.float32)
        ready = slice(*np.searchsorted(middle, (segment.start - ONSET, segment.end)))
        if segment.talking:
            target[ready, Param.RELAX] = 1
    target[:, Param.BROW] = np.clip((voice - 0.94) * 8, 0, 1)
    weight[:, [Param.RELAX, Param.BROW]] = 1
    flowed = np.zeros_like(target)
    for param, span in SPANS.items():
        kernel = np.hanning(int(span / TICK) + 2)[1:-1]
        total = np.convolve(target[:, param] * weight[:, param], kernel, "same")
        flowed[:, param] = total / np.convolve(weight[:, param], kernel, "same")
    return flowed


def _touch(block: Poses, seen: list[Segment], times: Floats, period: float) -> None:
    """Put on the contacts, and have the face talk where they are."""
    for position, segment in enumerate(seen):
        for param in CONTACTS:
            strength = float(segment.viseme.target[param])
            if strength == 0:
                continue
            beside = [seen[i] for i in (position - 1, position + 1) if 0 <= i < len(seen)]
            ease = min([EASE, *(0.6 * (other.end - other.start) for other in beside)])
            _contact(block[:, param], (segment.start, segment.end), times, max(ease, 0.02), period)
    block[:, Param.DENTAL] *= 1 - block[:, Param.CLOSE]


def _contact(column: Floats, span: tuple[float, float], times: Floats, ease: float, period: float) -> None:
    """1 from start to end and on the frame nearest its middle, easing to 0 on both sides."""
    middle = sum(span) / 2
    start, end = span
    if end - start < period:  # no frame may fall within: take in the one nearest the middle
        nearest = (np.floor(middle / period) + 0.5) * period
        start, end = min(start, float(nearest)), max(end, float(nearest))
    outside = np.maximum(start - times, times - end)
    share = 1 - np.clip(outside / ease, 0, 1)
    eased = share * share * (3 - 2 * share)
    eased[outside <= 1e-6] = 1
    np.maximum(column, eased, out=column)
