"""Phoneme timings made fit to animate: in order, within the recording, ended where their sound ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lipsync_worker.loudness import Levels, Reference
from lipsync_worker.visemes import REST, Viseme, visemes_of
from shared_schema.records import Phone, Utterance

__all__ = ["LONG_PAUSE", "SHORT_PAUSE", "Segment", "segments"]

SHORT_PAUSE = 0.15
"""Seconds: a shorter gap between sounds is no pause, the mouth goes on from one to the next."""

LONG_PAUSE = 0.30
"""Seconds: in a longer pause the photo's own expression comes back."""

SHORTEST = 0.03
TAIL = 0.02  # how long after its last audible moment a sound still shows


@dataclass(frozen=True)
class Segment:
    """A stretch of time with one mouth shape, seconds. `sound` is empty in a pause.

    `talking` is false where the photo's own expression may come back.
    """

    start: float
    end: float
    viseme: Viseme
    sound: str = ""
    talking: bool = True


@dataclass(frozen=True)
class _Heard:
    symbol: str
    start: float
    end: float


def segments(
    utterances: Iterable[Utterance], levels: Levels, reference: Reference, seconds: float
) -> Iterator[Segment]:
    """Segments without gaps from 0 to `seconds`. Reads timings only as far as they are asked for."""
    at = 0.0
    held: _Heard | None = None
    for phone in () if reference.is_silence else _heard(utterances, levels, reference, seconds):
        gap = phone.start - (held.end if held else 0.0)
        bridge = gap / 2 if held and gap < SHORT_PAUSE else 0.0
        if held:
            at = held.end + bridge
            yield from _spoken(held, at)
        if phone.start - bridge > at:
            yield Segment(at, phone.start - bridge, REST, talking=bool(held) and gap < LONG_PAUSE)
        held = _Heard(phone.symbol, phone.start - bridge, phone.end)
    if held:
        at = held.end
        yield from _spoken(held, at)
    if at < seconds:
        yield Segment(at, seconds, REST, talking=False)


def _heard(
    utterances: Iterable[Utterance], levels: Levels, reference: Reference, seconds: float
) -> Iterator[_Heard]:
    """Phones, each ended where its sound ends: aligners give the last one before a stop part of the pause."""
    phones = _ordered(utterances, seconds)
    current = next(phones, None)
    while current is not None:
        following = next(phones, None)
        end = current.end
        if following is None or following.start - end > 0.02 or end - current.start > 0.25:
            end = _last_sound(current, levels, reference)
        yield _Heard(current.symbol, current.start, end)
        current = following


def _ordered(utterances: Iterable[Utterance], seconds: float) -> Iterator[Phone]:
    """Phones in order, cut to the recording; what overlaps its predecessor starts later."""
    at = 0.0
    for utterance in utterances:
        for phone in utterance.phones:
            start, end = max(phone.start, at), min(phone.end, seconds)
            if math.isfinite(start) and math.isfinite(end) and end - start > 1e-4:
                yield Phone(phone.symbol, start, end)
                at = end


def _last_sound(phone: Phone, levels: Levels, reference: Reference) -> float:
    times, rows = levels.between(phone.start, phone.end)
    loud = times[rows[:, 0] > reference.silent]
    if not len(loud):
        return min(phone.end, phone.start + 2 * SHORTEST)
    return min(phone.end, max(float(loud[-1]) + TAIL, phone.start + SHORTEST))


def _spoken(phone: _Heard, end: float) -> Iterator[Segment]:
    """A sound's segments: two visemes share it evenly."""
    shapes = visemes_of(phone.symbol)
    step = (end - phone.start) / len(shapes)
    for number, shape in enumerate(shapes):
        first = phone.start + number * step
        yield Segment(first, first + step if number + 1 < len(shapes) else end, shape, phone.symbol)
