"""When each phoneme sounds: from the model's durations, ended where the sound itself ends.

    durations   | pad   |ˈ ɪ  | t    | ,  |   | b  ʌ  t | . | pad |
    sound            |  ɪ   | t |.silence.| b  ʌ   t|.....silence.

The last phoneme before a stop carries part of the pause in its duration; a mouth driven by it would
stand open after the voice has ceased. Wherever a pause can be, the sound's energy decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared_schema.records import Phone
from tts_worker.model import SAMPLE_RATE, TOKEN_SECONDS, Prediction
from tts_worker.phonemes import IPA, STRESSES

__all__ = ["Alignment", "align"]

LAG = 0.055
"""Seconds by which the model's sound runs ahead of its durations. Measured on 26 sentences: stops close
60 ms, sibilants begin 55 ms and end 50 ms before the boundary that the durations give (medians); at
speeds 0.6 and 1.6 it differs by about 10 ms."""

HOP = SAMPLE_RATE // 200
SECONDS = HOP / SAMPLE_RATE
"""Step of the energy, in samples and in seconds."""

LOUD = 10 ** (-48 / 20)
"""What is 48 dB under a sentence's loudest 5 ms is silence; a final "f" or "th" is louder."""

CLOSURE = 0.05
"""Seconds for which a stop's closure is silent before its burst; it belongs to the stop."""

STOPS = frozenset("pbtdkɡʧʤ")
SHORTEST = 0.02
PAUSE_AT_STOP, PAUSE_AT_SPACE = 0.06, 0.12
"""Silence at least this long is a pause: at punctuation, and between words, where it may be a closure."""


class Alignment(NamedTuple):
    """The phones of a chunk in order, in seconds from its first sample; and where its sound lies."""

    phones: list[Phone]
    start: float
    end: float


@dataclass
class _Slot:
    """A phoneme on its way to its times. `pause` is the silence that counts as a pause before it."""

    symbol: str
    start: float
    end: float
    pause: float


def align(prediction: Prediction, samples: npt.NDArray[np.float32]) -> Alignment:
    """Times of the phonemes of `prediction` in its own sound, `samples` at 24 kHz."""
    slots = _slots(prediction)
    loud = _loud(samples)
    sounding = np.flatnonzero(loud)
    if not slots or not len(sounding):
        return Alignment([], 0.0, len(samples) / SAMPLE_RATE)
    first, last = int(sounding[0]) * SECONDS, (int(sounding[-1]) + 1) * SECONDS
    for before, after in pairwise(slots):
        _settle(before, after, loud)
    _begin(slots[0], first)
    slots[-1].end = max(last, slots[-1].start + SHORTEST)
    if last < slots[-1].start:  # an unreleased stop makes no sound: it lasts as long as a closure
        slots[-1].end = slots[-1].start + CLOSURE
    phones = [Phone(IPA[slot.symbol], round(slot.start, 4), round(slot.end, 4)) for slot in _in_order(slots)]
    return Alignment(phones, min(first, phones[0].start), max(last, phones[-1].end))


def _slots(prediction: Prediction) -> list[_Slot]:
    """The phonemes with the times that the durations give; a stress mark's time is its vowel's."""
    ends = np.cumsum(prediction.counts, dtype=np.float64) * TOKEN_SECONDS - LAG
    edges = [-LAG, *ends.tolist()]
    slots: list[_Slot] = []
    start: float | None = None
    pause = 0.0
    for symbol, begin, end in zip(prediction.symbols, edges[:-1], edges[1:], strict=True):
        if symbol in IPA:
            slots.append(_Slot(symbol, max(0.0, begin if start is None else start), max(0.0, end), pause))
            start, pause = None, 0.0
        elif symbol in STRESSES:
            start = begin if start is None else start
        else:
            start, pause = None, (pause or PAUSE_AT_SPACE) if symbol == " " else PAUSE_AT_STOP
    return slots


def _loud(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether each 5 ms of the sound is loud enough to be heard."""
    blocks = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    level = np.sqrt(np.mean(np.square(blocks), axis=1))
    loud: npt.NDArray[np.bool_] = level > LOUD * level.max(initial=1e-9)
    return loud


def _settle(before: _Slot, after: _Slot, loud: npt.NDArray[np.bool_]) -> None:
    """Where one phoneme ends and the next begins: around a pause if there is one, else half-way."""
    silence = _silence(before.start, after.end, loud) if after.pause else None
    if silence is None or silence[1] - silence[0] < after.pause:
        before.end = after.start = (before.end + after.start) / 2
        return
    before.end = max(silence[0], before.start + SHORTEST)
    _begin(after, silence[1])
    after.start = max(after.start, before.end)


def _begin(slot: _Slot, sound: float) -> None:
    """Begin a phoneme with its sound; a stop begins with its closure."""
    start = sound - CLOSURE if slot.symbol in STOPS else sound
    slot.start = max(0.0, min(start, slot.end - SHORTEST))


def _silence(start: float, end: float, loud: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
    """The longest silence that begins and ends between these times, in seconds."""
    offset = max(0, round(start / SECONDS))
    part = loud[offset : round(end / SECONDS)]
    changes = np.flatnonzero(np.diff(np.concatenate([[True], part, [True]]).astype(np.int8)))
    if not len(changes):
        return None
    starts, ends = changes[::2], changes[1::2]
    longest = int(np.argmax(ends - starts))
    return (int(starts[longest]) + offset) * SECONDS, (int(ends[longest]) + offset) * SECONDS


def _in_order(slots: list[_Slot]) -> list[_Slot]:
    """The phonemes with times that never run backwards, each at least a moment long."""
    time = 0.0
    for slot in slots:
        slot.start = max(slot.start, time)
        slot.end = max(slot.end, slot.start + 0.005)
        time = slot.end
    return slots
