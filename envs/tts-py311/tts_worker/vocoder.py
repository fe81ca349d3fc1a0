"""Makes a predicted spectrum sound as another voice: other pitch, other length of the vocal tract.

Scaling the pitch alone would read the voiced spectrum between the harmonics for which the model made
it, where its level ripples and its phase is arbitrary (measured: shimmer 7 to 20 %). So the level is
taken at the harmonics only and joined to an envelope, the envelope is stretched along frequency, and
its phase is the minimum phase that belongs to it, as in a vocal tract (measured: shimmer 8 %).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hibari import dsp

from tts_worker.model import Prediction, Spectrum

__all__ = ["Match", "matched_sound"]

BINS = dsp.N_FFT // 2 + 1
BIN_HERTZ = dsp.SR / dsp.N_FFT
VOICED_HERTZ = 40.0
"""Below this the model's pitch means "unvoiced" (hibari.dsp.pulses)."""

STRAIGHT_HERTZ = 9000.0
"""The axis is stretched evenly up to here, and what is left up to 12 kHz takes up the difference."""

HIGHEST_LEVEL = 7.0
"""The model's own bound on a level (hibari.dsp.ex)."""


class Match(NamedTuple):
    """How the engine's voice is to change.

    `pitch` is the new median in Hz and `own_pitch` the engine's; `spread` scales the melody's
    excursions (in octaves) around the median; `tract` is the vocal tract's length relative to the
    engine's own voice, so that formants move by 1 / `tract`.
    """

    pitch: float
    own_pitch: float
    spread: float
    tract: float


def matched_sound(prediction: Prediction, match: Match, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """The sentence in the matched voice: (F * 300,) samples at 24 kHz."""
    frames = prediction.harmonic.shape[1]
    axis = _Axis(match.tract)
    envelope = axis.stretch(_envelope(prediction.harmonic, prediction.pitch))
    excitation = dsp.stft(dsp.pulses(_melody(prediction.pitch, match), VOICED_HERTZ / 2), frames)
    spectrum = excitation * np.exp(envelope + 1j * _minimum_phase(envelope))
    spectrum += axis.stretch_noise(_bounded(prediction.free), prediction.phase)
    noise = rng.standard_normal((2, BINS, frames), dtype=np.float32)
    spectrum += axis.stretch(_bounded(prediction.breath)) * (noise[0] + 1j * noise[1])
    sound: npt.NDArray[np.float32] = dsp.ola(spectrum.astype(np.complex64))
    return sound


class _Axis:
    """A stretched frequency axis: where each bin of the new spectrum lies in the old one."""

    def __init__(self, tract: float) -> None:
        bins = np.arange(BINS, dtype=np.float64)
        knee = STRAIGHT_HERTZ / BIN_HERTZ / max(tract, 1.0)
        rest = (BINS - 1 - knee * tract) / (BINS - 1 - knee)
        source = np.where(bins <= knee, bins * tract, knee * tract + (bins - knee) * rest)
        self._low = np.minimum(source.astype(np.intp), BINS - 2)
        self._weight = (source - self._low).astype(np.float32)[:, None]

    def stretch(self, spectrum: Spectrum) -> npt.NDArray[np.float32]:
        stretched: npt.NDArray[np.float32] = (
            spectrum[self._low] * (1 - self._weight) + spectrum[self._low + 1] * self._weight
        )
        return stretched

    def stretch_noise(self, amplitude: Spectrum, phase: Spectrum) -> npt.NDArray[np.complex64]:
        """As `stretch`, for amplitudes with phases, leaving what sounds in the middle of a frame there.

        Frames count time from their start; a half turn more every bin moves the origin to the middle,
        and so keeps a burst where it was. Mixing neighbours whose phases differ would weaken them, so
        only the phase is mixed so.
        """
        turns = np.where(np.arange(BINS) % 2, -1, 1).astype(np.float32)[:, None]
        centred = turns * amplitude * np.exp(1j * phase)
        mixed = centred[self._low] * (1 - self._weight) + centred[self._low + 1] * self._weight
        stretched: npt.NDArray[np.complex64] = turns * self.stretch(amplitude) * np.exp(1j * np.angle(mixed))
        return stretched


def _bounded(level: Spectrum) -> npt.NDArray[np.float32]:
    bounded: npt.NDArray[np.float32] = dsp.ex(level)
    return bounded


def _melody(pitch: npt.NDArray[np.float32], match: Match) -> npt.NDArray[np.float32]:
    """The pitch curve around its new median; unvoiced frames stay unvoiced."""
    excursion = np.maximum(pitch, VOICED_HERTZ) / match.own_pitch
    melody = match.pitch * excursion**match.spread
    return np.where(pitch > VOICED_HERTZ, melody, 0.0).astype(np.float32)


def _envelope(level: Spectrum, pitch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The level at the harmonics of each frame, joined by straight lines, shape (601, F)."""
    amplitude = np.pad(_bounded(level), ((1, 1), (0, 0)), mode="edge")
    # Weights of the Hann window's main lobe: what the synthesis gathers around each harmonic.
    lobe = np.log(0.25 * amplitude[:-2] + 0.5 * amplitude[1:-1] + 0.25 * amplitude[2:] + 1e-9)
    bins = np.arange(BINS)
    envelope: npt.NDArray[np.float32] = lobe.copy()
    for frame in np.flatnonzero(pitch > VOICED_HERTZ):
        step = pitch[frame] / BIN_HERTZ
        harmonics = np.arange(step, BINS - 1, step)
        envelope[:, frame] = np.interp(bins, harmonics, np.interp(harmonics, bins, lobe[:, frame]))
    return envelope


def _minimum_phase(level: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The phase of the minimum-phase filter with this level, by the folded cepstrum.

    Oppenheim and Schafer, "Discrete-Time Signal Processing", on homomorphic systems.
    """
    cepstrum = np.fft.irfft(level, dsp.N_FFT, axis=0)
    cepstrum[1 : dsp.N_FFT // 2] *= 2
    cepstrum[dsp.N_FFT // 2 + 1 :] = 0
    return np.fft.rfft(cepstrum, axis=0).imag.astype(np.float32)
