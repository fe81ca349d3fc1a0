"""The length of a speaker's vocal tract, relative to that of a reference voice.

A longer tract moves all formants down by one factor. The factor is found as speech recognizers
normalise it (Lee and Rose, "A frequency warping approach to speaker normalization", IEEE Trans. Speech
and Audio Processing 6, 1998): the frequency axis of the recording's voiced frames is stretched by
candidates, and the one that brings their cepstra nearest to frames of the reference voice is taken.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tts_worker.pitch import RATE

__all__ = ["TractReference"]

Matrix = npt.NDArray[np.float64]

WINDOW = 400
HOP = 160
BINS = 512
BANDS = 24
LOWEST, HIGHEST = 150.0, 4500.0
"""Hz. The bands of the reference voice; a telephone's 3.4 kHz would still cover most of them."""

COEFFICIENTS = 12
MOST_FRAMES = 1200
REFERENCE_FRAMES = 400
CANDIDATES = np.exp(np.arange(-0.24, 0.25, 0.02))
"""Tract lengths to try, relative to the reference: 0.79 to 1.27 in steps of two per cent."""

QUIET = 10 ** (-25 / 10)
VOICED_SHARE = 0.6
"""Share of a voiced frame's energy that lies below 2 kHz, at least."""

_COSINES: Matrix = np.cos(np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, np.arange(1, COEFFICIENTS + 1)))
"""The discrete cosine transform of the bands without its first coefficient, the level."""


class TractReference:
    """The spectral shapes of a reference voice, from its `samples` (mono, `RATE` Hz)."""

    def __init__(self, samples: npt.NDArray[np.float32]) -> None:
        shapes = _cepstra(_voiced_spectra(samples), 1.0)
        self._scale = shapes.std(axis=0)
        chosen = np.linspace(0, len(shapes) - 1, min(REFERENCE_FRAMES, len(shapes))).astype(int)
        self._shapes = shapes[chosen] / self._scale

    def ratio(self, samples: npt.NDArray[np.float32]) -> float:
        """The tract's length of the speaker in `samples`, as a factor on the reference's."""
        spectra = _voiced_spectra(samples)
        if len(spectra) == 0:
            return 1.0
        distances = [self._distance(_cepstra(spectra, candidate) / self._scale) for candidate in CANDIDATES]
        return float(CANDIDATES[int(np.argmin(distances))])

    def _distance(self, shapes: Matrix) -> float:
        """Mean squared distance from each shape to the nearest of the reference."""
        squares = np.square(shapes).sum(axis=1)[:, None] + np.square(self._shapes).sum(axis=1)
        return float((squares - 2 * shapes @ self._shapes.T).min(axis=1).mean())


def _voiced_spectra(samples: npt.NDArray[np.float32]) -> Matrix:
    """Power spectra of the loud, low-pitched frames, at most `MOST_FRAMES`, shape (frames, bins)."""
    if len(samples) < WINDOW:
        return np.zeros((0, BINS // 2 + 1))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    power = np.concatenate(
        [np.square(part).mean(axis=1) for part in np.array_split(frames, len(frames) // 1000 + 1)]
    )
    loud = np.flatnonzero(power >= QUIET * np.quantile(power, 0.95))
    loud = loud[:: max(1, len(loud) // MOST_FRAMES)]
    spectra = np.square(np.abs(np.fft.rfft(frames[loud] * np.hamming(WINDOW), BINS, axis=1)))
    low = spectra[:, : int(2000 / RATE * BINS)].sum(axis=1)
    voiced: Matrix = spectra[low > VOICED_SHARE * spectra.sum(axis=1)]
    return voiced


def _cepstra(spectra: Matrix, tract: float) -> Matrix:
    """Mel cepstra (without the level) of a speaker whose tract is `tract` times the reference's, as if by
    the reference; their mean, which is the room and the microphone, is removed.
    """
    energies = np.log(spectra @ _bands(tract).T + 1e-10)
    shapes: Matrix = energies @ _COSINES
    centred: Matrix = shapes - shapes.mean(axis=0)
    return centred


def _bands(tract: float) -> Matrix:
    """Triangular mel bands whose edges are moved down by `tract`, shape (bands, bins)."""
    edges = _hertz(np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)) / tract
    bins = np.arange(BINS // 2 + 1) * RATE / BINS
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights: Matrix = np.maximum(0.0, np.minimum(rise, fall))
    normalized: Matrix = weights / weights.sum(axis=1, keepdims=True)
    return normalized


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 700 * (10 ** (mel / 2595) - 1)
