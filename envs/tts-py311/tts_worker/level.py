"""Puts a sentence's sound into shape: silence off its ends, peaks under full scale, no clicks at joints.

Everything here also works on sound that arrives in pieces, or says that it needs the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tts_worker.chunk import Samples

__all__ = ["FADE_SECONDS", "PEAK", "edged", "faded", "limited"]

PEAK = 10 ** (-1 / 20)
"""The loudest that a sample may be: 1 dB under full scale."""

FADE_SECONDS = 0.005

AUDIBLE = 10 ** (-50 / 20)
"""What stays under -50 dB of full scale at a sentence's ends is silence: neural voices hiss a little."""

MARGIN_SECONDS = 0.02
"""What is kept of the silence at either end: the breath of an onset, the end of a release."""


def limited(samples: Samples, rate: int) -> Samples:
    """The same sound with its peaks held under `PEAK`; needs the whole sentence.

    Each 5 ms and its neighbours take the gain that the loudest of them needs; in between the gain moves
    in straight lines, so that it is nowhere above what is needed and nothing is distorted.
    """
    size = max(1, round(FADE_SECONDS * rate))
    count = -(-len(samples) // size)
    blocks = np.abs(np.pad(samples, (0, count * size - len(samples)))).reshape(count, size).max(axis=1)
    if blocks.max(initial=0.0) <= PEAK:
        return samples
    needed = np.pad(np.minimum(1.0, PEAK / np.maximum(blocks, PEAK)), 1, mode="edge")
    gains = np.minimum(np.minimum(needed[:-2], needed[1:-1]), needed[2:])
    curve = np.interp(np.arange(len(samples)), (np.arange(count) + 0.5) * size, gains)
    result: Samples = np.multiply(samples, curve, dtype=np.float32)
    return result


def faded(samples: Samples, rate: int) -> Samples:
    """The same sound faded in and out over 5 ms by a raised cosine."""
    size = min(round(FADE_SECONDS * rate), len(samples) // 2)
    result = samples.copy()
    if size:
        ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(size) + 0.5) / size)).astype(np.float32)
        result[:size] *= ramp
        result[-size:] *= ramp[::-1]
    return result


def edged(pieces: Iterable[Samples], rate: int) -> Iterator[Samples]:
    """Sound in pieces without the silence before the first audible sample and behind the last.

    What may turn out to be the silence at the end is held back until something audible follows. The first
    and last 5 ms are faded; nothing comes where nothing is audible. Peaks are clipped, not limited.
    """
    margin, size = round(MARGIN_SECONDS * rate), round(FADE_SECONDS * rate)
    held = np.zeros(0, np.float32)
    begun = False
    for piece in pieces:
        held = np.concatenate([held, piece])
        audible = np.flatnonzero(np.abs(held) > AUDIBLE)
        if not len(audible):
            held = held if begun else held[-margin:]
            continue
        if not begun:
            held = _faded_in(held[max(0, int(audible[0]) - margin) :], size)
            audible = np.flatnonzero(np.abs(held) > AUDIBLE)
            begun = True
        # Whether this is the end nobody knows yet: the last moment stays back, to be faded out.
        ready = max(0, int(audible[-1]) + 1 - size) if len(audible) else 0
        if ready:
            yield held[:ready]
            held = held[ready:]
    if begun:
        audible = np.flatnonzero(np.abs(held) > AUDIBLE)
        end = (int(audible[-1]) if len(audible) else 0) + 1 + margin
        yield _faded_in(held[:end][::-1], size)[::-1]


def _faded_in(samples: Samples, size: int) -> Samples:
    size = min(size, len(samples))
    result = samples.copy()
    if size:
        result[:size] *= (0.5 - 0.5 * np.cos(np.pi * (np.arange(size) + 0.5) / size)).astype(np.float32)
    return result
