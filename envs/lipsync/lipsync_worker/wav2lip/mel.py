"""What Wav2Lip hears: for each frame of the video a window of a mel spectrogram, while the sound comes in.

    samples ──pre-emphasis──> magnitudes ──> mel bands ──> dB, from -4 to 4 ──> 16 columns for each frame
    16 kHz                    80 a second    80

The numbers are those that the network was trained with (hparams.py and audio.py of the authors' code). The
spectrogram is that of librosa 0.7.0, which they pin: each Hann window lies around its column's time, and the
sound is mirrored at its two ends. Later versions of librosa (from 0.9) have zeros there instead: that would
change the first two columns and the last two, and is not what was trained.

It computes in double precision, librosa in part in single. With a chirp, noise and a tone, all in single came
out at most 7e-5 away, of 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import batched
from typing import Final

import numpy as np

from lipsync_worker.arrays import Floats
from lipsync_worker.hearing import BLOCK
from lipsync_worker.recording import ANALYSIS_RATE

__all__ = ["BANDS", "COLUMNS", "COLUMN_RATE", "LOOKAHEAD", "MelEars", "filterbank"]

WINDOW = 800
HOP = 200
BANDS: Final = 80
COLUMNS: Final = 16
"""In one window; it begins at the frame's time and lasts 0.2 s."""
COLUMN_RATE: Final = ANALYSIS_RATE // HOP
"""Columns a second."""
LOOKAHEAD: Final = ((COLUMNS - 1) * HOP + WINDOW // 2) / ANALYSIS_RATE
"""Seconds of sound after a frame's time that its window is made of."""

LOWEST, HIGHEST = 55.0, 7600.0  # Hz
PRE_EMPHASIS = 0.97
REFERENCE_DB, FLOOR_DB = 20.0, -100.0
LIMIT = 4.0

PART = 2 * ANALYSIS_RATE
"""Samples heard at a time, however many come."""


class MelEars:
    """Windows (n, 80, 16) float32 of frames. An `Ears`; it keeps less than half a second of sound.

    Frame i hears the columns from floor(80 i / rate) on, by the video's true rate. In what pieces the sound
    comes changes nothing: the windows are the same to the last bit.
    """

    def __init__(self, rate: Fraction) -> None:
        """`rate` frames a second."""
        self._step = COLUMN_RATE / rate
        self._bank = filterbank()
        self._hann = np.hanning(WINDOW + 1)[:-1]
        self._before = 0.0  # the sample before those that come next
        self._mirrored = False
        self._sound = np.zeros(0)  # after pre-emphasis, from where the next column begins
        self._columns = np.zeros((0, BANDS), np.float32)
        self._first = 0  # the number of the first column that is kept
        self._frame = 0

    @property
    def silent(self) -> Floats:
        """The window of digital silence, (80, 16)."""
        return np.full((BANDS, COLUMNS), -LIMIT, np.float32)

    def push(self, samples: Floats) -> Iterator[Floats]:
        """Take more sound (n,), -1 to 1 at 16 kHz; the windows that it completes, in blocks."""
        for part in np.split(samples, range(PART, len(samples), PART)):
            self._hear(part)
            yield from _blocks(self._whole())
            self._forget()

    def finish(self, frames: int) -> Iterator[Floats]:
        """The sound is over: what is missing to so many windows in all.

        As in the authors' code (inference.py), a frame whose window would go beyond the sound hears the last
        16 columns. Their video ends with that frame; here all others hear the same, and those that begin
        after the sound hear silence. What a sound of less than 16 columns lacks is silence too.
        """
        if len(self._sound):
            half = WINDOW // 2
            self._sound = np.pad(self._sound, (0 if self._mirrored else half, half), "reflect")
            self._add_columns()
        yield from _blocks(self._end(frame) for frame in range(self._frame, frames))

    @property
    def _count(self) -> int:
        """Columns so far, with those that were forgotten."""
        return self._first + len(self._columns)

    def _start(self, frame: int) -> int:
        return int(frame * self._step)

    def _whole(self) -> Iterator[Floats]:
        """The windows of which all columns are there."""
        while (start := self._start(self._frame)) + COLUMNS <= self._count:
            yield self._window(start)
            self._frame += 1

    def _end(self, frame: int) -> Floats:
        """A frame's window when there will be no more columns."""
        start = self._start(frame)
        return self._window(max(min(start, self._count - COLUMNS), 0)) if start < self._count else self.silent

    def _window(self, start: int) -> Floats:
        columns = self._columns[start - self._first :][:COLUMNS].T
        window = self.silent
        window[:, : columns.shape[1]] = columns
        return window

    def _hear(self, samples: Floats) -> None:
        exact = np.concatenate([[self._before], np.asarray(samples, np.float64)])
        self._before = float(exact[-1])
        self._sound = np.concatenate([self._sound, exact[1:] - PRE_EMPHASIS * exact[:-1]])
        half = WINDOW // 2
        if not self._mirrored and len(self._sound) > half:
            self._sound = np.concatenate([self._sound[half:0:-1], self._sound])
            self._mirrored = True
        if self._mirrored:
            self._add_columns()

    def _add_columns(self) -> None:
        count = max((len(self._sound) - WINDOW) // HOP + 1, 0)
        if not count:
            return
        frames = np.lib.stride_tricks.sliding_window_view(self._sound, WINDOW)[: count * HOP : HOP]
        magnitudes = np.abs(np.fft.rfft(frames * self._hann, axis=1))
        # Column by column: a product of matrices adds up in another order where there are more of them.
        bands = np.stack([self._bank @ column for column in magnitudes])
        decibels = 20 * np.log10(np.maximum(bands, 10 ** (FLOOR_DB / 20))) - REFERENCE_DB
        scaled = np.clip(2 * LIMIT * (decibels - FLOOR_DB) / -FLOOR_DB - LIMIT, -LIMIT, LIMIT)
        self._columns = np.concatenate([self._columns, scaled.astype(np.float32)])
        self._sound = self._sound[count * HOP :].copy()

    def _forget(self) -> None:
        """Drop the columns of frames that are done, but not the last 16: the end may ask for them."""
        drop = max(min(self._start(self._frame), self._count - COLUMNS) - self._first, 0)
        self._columns = self._columns[drop:].copy()
        self._first += drop


def filterbank() -> Floats:
    """Weights (80, 401) of the magnitudes, from 0 to 8000 Hz, in each mel band: triangles of area 1 over Hz.

    The scale is Slaney's (Auditory Toolbox, 1998), as librosa has it: even up to 1000 Hz, which is 15 mel,
    and beyond that a factor of 6.4 in 27 mel. A triangle begins and ends where its neighbours are highest.
    """
    edges = _hertz(np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2))
    bins = np.linspace(0, ANALYSIS_RATE / 2, WINDOW // 2 + 1)
    low, middle, high = (edges[at : at + BANDS, None] for at in range(3))
    slopes = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    return np.maximum(slopes, 0) * 2 / (high - low)


def _mel(hertz: float) -> float:
    """Of frequencies on either side of 1000 Hz."""
    return float(hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4))


def _hertz(mel: Floats) -> Floats:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def _blocks(windows: Iterable[Floats]) -> Iterator[Floats]:
    return (np.stack(block) for block in batched(windows, BLOCK))
