"""When the voice is silent: then a mouth rests, whatever a network makes of a room's noise.

The same weights come out however the sound is cut into blocks. What counts as silent is judged by the whole
recording, of a live voice by what was heard so far.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.loudness import Loudness
from lipsync_worker.recording import ANALYSIS_RATE
from lipsync_worker.voice import Check, Voice

__all__ = ["LOOK_AHEAD", "SilenceGate", "gate_of"]

HOP = ANALYSIS_RATE // 100
BEFORE, AFTER = 8, 10  # hops of silence that must lie before and after a moment for the mouth to rest
FADE = 4  # hops on both sides over which the mouth comes to rest
LOOK_AHEAD = (AFTER + FADE + 1) * HOP / ANALYSIS_RATE
"""Seconds of sound behind a frame's middle that its weight depends on."""


def gate_of(voice: Voice, rate: Fraction, check: Check) -> SilenceGate:
    """The gate of a voice: a recording is read to its end first. `check` may raise to stop."""
    if voice.seconds is None:
        return SilenceGate(rate)
    hops, loudness = _Hops(), Loudness()
    for block in voice.listen():
        check()
        if block is not None:
            loudness.add(hops.push(block))
    return SilenceGate(rate, loudness)


class _Hops:
    """Levels in dB, a hundred a second, of sound in blocks."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    def push(self, samples: Floats) -> Floats:
        self._rest = np.concatenate([self._rest, samples])
        count = len(self._rest) // HOP
        hops = self._rest[: count * HOP].reshape(count, HOP)
        self._rest = self._rest[count * HOP :]
        power = np.mean(np.square(hops, dtype=np.float64), axis=1)
        return np.asarray(10 * np.log10(power + 1e-9))


class SilenceGate:
    """Weights of a video's frames: 0 in speech, 1 in silence, a ramp of 90 ms between."""

    def __init__(self, rate: Fraction, known: Loudness | None = None) -> None:
        """`rate` frames a second. `known` is how loud the whole is; without, what was heard so far counts."""
        self._rate = rate
        self._hops = _Hops()
        self._known = known
        self._loudness = Loudness()
        # Before the first sound is silence: a mouth begins at rest.
        self._quiet = np.ones(BEFORE + FADE, np.bool_)
        self._first = -(BEFORE + FADE)  # the hop that `_quiet` begins with
        self._frames = 0

    def push(self, samples: Floats) -> Floats:
        """Take more sound; the weights (n,) of the frames that it decides."""
        levels = self._hops.push(samples)
        self._quiet = np.concatenate([self._quiet, self._are_quiet(levels)])
        return self._weights(self._decided())

    def finish(self, frames: int) -> Floats:
        """The weights that are missing to so many frames: behind the sound is silence."""
        last = int(Fraction(2 * frames + 1, 2) / self._rate * 100) + AFTER + FADE + 2
        missing = max(last - (self._first + len(self._quiet)), 0)
        self._quiet = np.concatenate([self._quiet, np.ones(missing, np.bool_)])
        return self._weights(frames)

    def _are_quiet(self, levels: Floats) -> NDArray[np.bool_]:
        if self._known is not None:
            return np.asarray(levels <= self._known.threshold, np.bool_)
        quiet = np.empty(len(levels), np.bool_)
        for index, level in enumerate(levels):
            self._loudness.add(level)
            quiet[index] = level <= self._loudness.threshold
        return quiet

    def _decided(self) -> int:
        """Frames whose middle lies far enough before the end of what was heard."""
        heard = self._first + len(self._quiet) - AFTER - FADE - 1
        return max(int(Fraction(heard, 100) * self._rate - Fraction(1, 2)), self._frames)

    def _weights(self, until: int) -> Floats:
        numbers = np.arange(self._frames, until)
        if not len(numbers):
            return np.zeros(0, np.float32)
        self._frames = until
        middles = (numbers + 0.5) / float(self._rate) * 100
        # One more than the ramp: a middle in a hop's first half lies between that and the hop before.
        low = int(middles[0]) - FADE - 1
        hops = np.arange(low, int(middles[-1]) + FADE + 2)
        smooth = np.convolve(self._resting(hops), np.full(2 * FADE + 1, 1 / (2 * FADE + 1)), "same")
        weights = floats(np.interp(middles, hops + 0.5, smooth))
        self._forget(int(middles[-1]) - BEFORE - FADE - 2)
        return weights

    def _resting(self, hops: NDArray[np.int64]) -> NDArray[np.float64]:
        """1 at hops around which all is silent."""
        loud = np.concatenate([[0], np.cumsum(~self._quiet)])
        start = np.clip(hops - BEFORE - self._first, 0, len(self._quiet))
        end = np.clip(hops + AFTER + 1 - self._first, 0, len(self._quiet))
        return np.asarray(loud[end] == loud[start], np.float64)

    def _forget(self, before: int) -> None:
        drop = max(before - self._first, 0)
        self._quiet = self._quiet[drop:]
        self._first += drop
