"""The fundamental frequency of a voice over time, by YIN.

De Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 111
(2002); equation numbers below are theirs. Written out here because pyworld has no wheel for this
Python and Praat's is GPL.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["RATE", "track"]

RATE = 16_000
LOWEST, HIGHEST = 60.0, 500.0
THRESHOLD = 0.2
"""Largest aperiodicity of a voiced frame; the paper uses 0.1 on cleaner material."""

SMOOTHING = 8
"""Samples averaged before the search (-6 dB at 1.2 kHz): breath and hiss above hide the period."""

WINDOW = 512
LONGEST_LAG = int(RATE / LOWEST) + 1
SHORTEST_LAG = int(RATE / HIGHEST)
FRAME = WINDOW + LONGEST_LAG
TRANSFORM = 1536
QUIET = 10 ** (-30 / 10)
"""Frames whose power is 30 dB under the loud ones hold no voice worth measuring."""

BLOCK = 512


def track(samples: npt.NDArray[np.float32], hop: int = RATE // 100) -> npt.NDArray[np.float64]:
    """F0 in Hz of each frame of `samples` (mono, `RATE` Hz), shape (frames,); 0 where there is no voice."""
    if len(samples) < FRAME:
        return np.zeros(0)
    smooth = np.convolve(samples, np.full(SMOOTHING, 1 / SMOOTHING, np.float32), mode="same")
    frames = np.lib.stride_tricks.sliding_window_view(smooth, FRAME)[::hop]
    power = np.concatenate(
        [
            np.square(frames[start : start + BLOCK], dtype=np.float64).mean(axis=1)
            for start in range(0, len(frames), BLOCK)
        ]
    )
    pitch = np.concatenate([_pitch(frames[start : start + BLOCK]) for start in range(0, len(frames), BLOCK)])
    pitch[power < QUIET * np.quantile(power, 0.95)] = 0.0
    return pitch


def _pitch(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """F0 of each row; 0 where its difference function has no dip below the threshold."""
    normalized = _normalized_difference(frames.astype(np.float64))
    inner = normalized[:, SHORTEST_LAG:LONGEST_LAG]
    dips = (inner < THRESHOLD) & (inner <= normalized[:, SHORTEST_LAG + 1 : LONGEST_LAG + 1])
    lag = np.argmax(dips, axis=1) + SHORTEST_LAG
    row = np.arange(len(frames))
    before, at, after = (normalized[row, lag + step] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    offset = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend > 0)
    return np.where(dips.any(axis=1), RATE / (lag + np.clip(offset, -1, 1)), 0.0)


def _normalized_difference(frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """d'(lag) of equation 8 for lags 0 to `LONGEST_LAG`, from the difference function of equation 6."""
    head = np.fft.rfft(frames[:, :WINDOW], TRANSFORM)
    whole = np.fft.rfft(frames, TRANSFORM)
    correlation = np.fft.irfft(np.conj(head) * whole, TRANSFORM)[:, : LONGEST_LAG + 1]
    energy = np.cumsum(np.pad(np.square(frames), ((0, 0), (1, 0))), axis=1)
    shifted = energy[:, WINDOW : WINDOW + LONGEST_LAG + 1] - energy[:, : LONGEST_LAG + 1]
    difference = np.maximum(shifted[:, :1] + shifted - 2 * correlation, 0.0)
    lags = np.arange(1, LONGEST_LAG + 1)
    mean = np.cumsum(difference[:, 1:], axis=1) / lags
    normalized: npt.NDArray[np.float64] = np.ones_like(difference)
    np.divide(difference[:, 1:], mean, out=normalized[:, 1:], where=mean > 0)
    return normalized
