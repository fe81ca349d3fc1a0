"""Loudness and colour of the voice, a hundred times a second, as the recording streams by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lipsync_worker.arrays import Floats
from lipsync_worker.recording import ANALYSIS_RATE

__all__ = ["BANDS", "FEATURES", "HOP_SECONDS", "Levels", "Loudness", "Reference", "features"]

HOP = ANALYSIS_RATE // 100
HOP_SECONDS = HOP / ANALYSIS_RATE
WINDOW = 2 * HOP
BANDS = ((100, 500), (500, 1000), (1000, 2000), (2000, 3500), (3500, 7500))
"""Hz: voice bar and close vowels, open vowels, front vowels (second formant), fricatives."""
FEATURES = 1 + len(BANDS)
"""Columns of a feature row: level of all, then of each band, dB below full scale."""
FLOOR_DB = -90.0
CLEAR = 20.0  # dB: what is quietest and nearer to the loudest than that may be part of the speech
SILENCE_DB = -60.0  # a recording whose loudest parts stay below holds no voice


def features(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Rows (n, FEATURES) of levels in dB; row i is about the time (i + 0.5) * HOP_SECONDS."""
    window = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
    scale = 2.0 / float(np.square(window).sum()) / WINDOW
    edges = [
        slice(int(low * WINDOW / ANALYSIS_RATE), int(high * WINDOW / ANALYSIS_RATE)) for low, high in BANDS
    ]
    kept = np.zeros(HOP // 2, np.float32)
    for block in _and_tail(blocks):
        kept = np.concatenate([kept, block])
        count = max((len(kept) - WINDOW) // HOP + 1, 0)
        if not count:
            continue
        frames = np.lib.stride_tricks.sliding_window_view(kept, WINDOW)[: count * HOP : HOP] * window
        power = np.square(np.abs(np.fft.rfft(frames, axis=1))) * scale
        rows = np.stack([power.sum(1), *(power[:, edge].sum(1) for edge in edges)], axis=1)
        yield (10 * np.log10(rows + 10 ** (FLOOR_DB / 10))).astype(np.float32)
        kept = kept[count * HOP :]


def _and_tail(blocks: Iterable[Floats]) -> Iterator[Floats]:
    yield from blocks
    yield np.zeros(WINDOW, np.float32)


class Loudness:
    """The levels heard so far, as a histogram of one dB a bin."""

    def __init__(self) -> None:
        self._counts = np.zeros(int(-FLOOR_DB) + 20, np.int64)

    def add(self, levels: Floats | float) -> None:
        """Take levels in dB."""
        index = np.clip(np.round(np.atleast_1d(levels) - FLOOR_DB), 0, len(self._counts) - 1)
        self._counts += np.bincount(index.astype(np.int64), minlength=len(self._counts))

    @property
    def loud(self) -> float:
        """What all but a twentieth stays below, dB."""
        return self._at(0.95)

    @property
    def silent(self) -> float:
        """What is silent beside that, dB: well below it, and somewhat above the quietest there is."""
        return min(max(self.loud - 32.0, self.quiet + 8.0, -65.0), self.loud - 12.0)

    @property
    def quiet(self) -> float:
        """What all but a twelfth is above, dB."""
        return self._at(0.08)

    @property
    def threshold(self) -> float:
        """What a sound must exceed to be heard as voice, dB; as long as there was none, `SILENCE_DB`.

        Unlike `silent` it can be asked from the first words on: what is quietest in them is no noise yet.
        """
        if self.loud <= SILENCE_DB:
            return SILENCE_DB
        noise = self.quiet + 8.0 if self.quiet <= self.loud - CLEAR else FLOOR_DB
        return max(self.loud - 32.0, noise, -65.0)

    def _at(self, share: float) -> float:
        total = np.cumsum(self._counts)
        return float(np.searchsorted(total / max(int(total[-1]), 1), share) + FLOOR_DB)


@dataclass(frozen=True)
class Reference:
    """What is loud and what is silent in one recording, dB: a voice's levels mean nothing by themselves."""

    loud: float
    silent: float

    @classmethod
    def of(cls, rows: Iterable[Floats]) -> Reference:
        """Read all rows once; a histogram of levels is all that is kept."""
        loudness = Loudness()
        for block in rows:
            loudness.add(block[:, 0])
        return cls(loudness.loud, loudness.silent if loudness.loud > SILENCE_DB else 0.0)

    @property
    def is_silence(self) -> bool:
        """Whether there is nothing to hear in the whole recording."""
        return self.loud <= SILENCE_DB

    def relative(self, level: Floats) -> Floats:
        """Levels in dB as 0 (silent) to 1 (loud), and somewhat more for the loudest."""
        if self.is_silence:
            return np.zeros(level.shape, np.float32)
        return np.asarray(np.clip((level - self.silent) / (self.loud - self.silent), 0, 1.2), np.float32)


class Levels:
    """A window onto the rows of `features` that moves forward: what was passed is forgotten."""

    def __init__(self, rows: Iterator[Floats]) -> None:
        self._rows = rows
        self._kept = np.zeros((0, FEATURES), np.float32)
        self._first = 0
        self._ended = False

    def between(self, start: float, end: float) -> tuple[Floats, Floats]:
        """Times (n,) and rows (n, FEATURES) from `start` to `end` seconds; fewer at the recording's ends."""
        last = int(np.ceil(end / HOP_SECONDS)) + 1
        while not self._ended and self._first + len(self._kept) < last:
            block = next(self._rows, None)
            if block is None:
                self._ended = True
            else:
                self._kept = np.concatenate([self._kept, block])
        low = max(int(start / HOP_SECONDS) - 1 - self._first, 0)
        high = max(last - self._first, 0)
        rows = self._kept[low:high]
        times = (self._first + low + np.arange(len(rows)) + 0.5) * HOP_SECONDS
        return times.astype(np.float32), rows

    def forget(self, before: float) -> None:
        """Drop rows of times before `before` seconds."""
        drop = min(max(int(before / HOP_SECONDS) - 1 - self._first, 0), len(self._kept))
        self._kept = self._kept[drop:]
        self._first += drop
