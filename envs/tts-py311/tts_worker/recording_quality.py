"""What is wrong with a recording of a voice, as sentences that say what to do.

Each fault has one measure and one bound, found on synthetic signals and the embedded voice:

    clipping   runs of samples at the recording's own ceiling
    noise      how far speech stands above the quietest tenth of the recording
    music      whether the same partials sound through the pauses: held notes, chords and hum do, drums do not
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from tts_worker.chunk import Samples

__all__ = ["FRAME_SECONDS", "faults", "levels_of"]

FRAME_SECONDS = 0.02

CEILING = 0.98
"""Samples this close to the largest one are at the ceiling, if that is near full scale."""

CLIPPED_RUN = 3
CLIPPED_SHARE = 0.001
"""So many samples in a row at the ceiling are cut off; and the share of a recording that may be."""

QUIET_DB, MUSIC_DB = 20.0, 30.0
"""dB that speech should stand above what is heard in its pauses: noise; tones, which are taken for voice."""

TONAL_DB = 18.0
"""dB by which a partial stands out of its neighbourhood, if it is a tone and no noise."""

TONAL_SHARE = 0.5
"""The share of the pauses in which the same tone sounds, if it is music or hum."""


def faults(samples: Samples, rate: int) -> list[str]:
    """Sentences on what is wrong with (N,) samples, in order of what hurts most; none where all is well."""
    found = []
    if _clipped_share(samples) > CLIPPED_SHARE:
        found.append("it is clipped. Record it again, further from the microphone or with less gain.")
    levels = levels_of(samples, rate)
    speech, pauses = np.quantile(levels, [0.9, 0.1])
    if speech - pauses < MUSIC_DB and _is_tonal(samples, rate, levels):
        found.append("music or a hum sounds under the voice. Use a recording of the voice alone.")
    elif speech - pauses < QUIET_DB:
        found.append("it is noisy. Record in a quiet room, closer to the microphone.")
    return found


def levels_of(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    """The level of each whole 20 ms of sound, in dB of full scale, -120 at least."""
    size = round(FRAME_SECONDS * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(np.mean(frames**2, axis=1), 1e-12))
    return levels


def _clipped_share(samples: Samples) -> float:
    """The share of samples that lie in runs at the ceiling."""
    peak = float(np.abs(samples).max())
    if peak < 0.5:  # quieter than any converter's ceiling, unless somebody turned it down later
        return 0.0
    at = np.concatenate([[0], (np.abs(samples) >= CEILING * peak).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(at))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= CLIPPED_RUN].sum()) / len(samples)


def _is_tonal(samples: Samples, rate: int, levels: npt.NDArray[np.float64]) -> bool:
    """Whether the same partials sound through the quietest third of the recording."""
    size = round(FRAME_SECONDS * rate)
    quiet = np.flatnonzero(levels <= np.quantile(levels, 0.33))
    width = 4 * size  # 80 ms: partials 25 Hz apart are told apart
    starts = [index * size for index in quiet if index * size + width <= len(samples)]
    if not starts:
        return False
    windows = np.stack([samples[start : start + width] for start in starts]) * np.hanning(width)
    spectra = 20 * np.log10(np.abs(np.fft.rfft(windows, axis=1)) + 1e-9)
    band = spectra[:, round(60 * width / rate) : round(5000 * width / rate)]
    # Its own neighbourhood, since noise has a colour too.
    floor = median_filter(band, size=(1, 25))
    stands_out = (band - floor > TONAL_DB).mean(axis=0)
    return bool(stands_out.max() > TONAL_SHARE)
