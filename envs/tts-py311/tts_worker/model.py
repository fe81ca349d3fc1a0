"""The hibari model: text to phonemes, phonemes to a spectrum, a pitch and a duration for each phoneme.

hibari's public class gives sound alone. What a talking face needs besides (durations, and the spectrum
before it becomes sound) is inside, so this one module reaches in: the package's model file, vocabulary
and spectral interface (documented in its README under "ONNX interface"). The wheel holds one voice;
its others would be downloaded, so no other is ever asked for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hibari import dsp
from hibari.tts import ASSETS, MAX_PHONEMES
from hibari.voices import DEFAULT, voice_path

from tts_worker.graph import expose, output_of_clamped_round
from tts_worker.phonemiser import Phonemiser
from tts_worker.sessions import open_session

__all__ = ["FRAME_SECONDS", "SAMPLE_RATE", "TOKEN_SECONDS", "VOICE", "HibariModel", "Prediction"]

VOICE = DEFAULT
SAMPLE_RATE: int = dsp.SR
FRAME_SECONDS = dsp.HOP / dsp.SR
TOKEN_SECONDS = 2 * FRAME_SECONDS
"""Unit of the duration counts: two frames, 25 ms."""

PAD = 0
PAD_SYMBOL = ""

Spectrum = npt.NDArray[np.float32]


class Prediction(NamedTuple):
    """What the model says of one phoneme string of L symbols, pads included, in F frames of 12.5 ms.

    Spectra have shape (601, F), bins 20 Hz apart, levels are natural logarithms of amplitude:
    `harmonic` and `turn` (phase as atanh of half turns) of the voiced part, `breath` of the noise,
    `free` and `phase` (radians) of the rest. `pitch` (F,) is in Hz, near 0 where unvoiced; `counts`
    (L,) are durations in `TOKEN_SECONDS`; `symbols` has L entries, the pads empty.
    """

    symbols: list[str]
    counts: npt.NDArray[np.float32]
    harmonic: Spectrum
    turn: Spectrum
    breath: Spectrum
    free: Spectrum
    phase: Spectrum
    pitch: npt.NDArray[np.float32]

    def sound(self, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """The model's own voice: (F * 300,) samples at `SAMPLE_RATE`."""
        sound: npt.NDArray[np.float32] = dsp.synth(
            self.harmonic, self.turn, self.breath, self.free, self.phase, self.pitch, rng
        )
        return sound


class HibariModel:
    """The loaded model and its phonemiser. `threads` are those of one inference."""

    limit: int = MAX_PHONEMES

    def __init__(self, threads: int = 1) -> None:
        model = Path(voice_path(VOICE, download_missing=False)).read_bytes()
        self._session = open_session(expose(model, output_of_clamped_round(model)), threads)
        self._vocabulary: dict[str, int] = json.loads(
            (Path(ASSETS) / "vocab.json").read_text(encoding="utf-8")
        )
        self._phonemise = Phonemiser()

    def phonemes(self, sentence: str) -> str:
        """The sentence in misaki's alphabet; empty where nothing in it has a sound.

        TextError where the phonemiser cannot read it.
        """
        phonemes = self._phonemise(sentence)
        return "".join(symbol for symbol in phonemes if symbol in self._vocabulary)

    def predict(self, phonemes: str, speed: float) -> Prediction:
        """Spectrum, pitch and durations of at most `limit` phonemes; `speed` divides the durations."""
        ids = [PAD, *(self._vocabulary[symbol] for symbol in phonemes), PAD]
        harmonic, turn, breath, free, phase, pitch, counts = self._session.run(
            None, {"ids": np.asarray([ids], np.int64), "speed": np.asarray([speed], np.float32)}
        )
        return Prediction(
            symbols=[PAD_SYMBOL, *phonemes, PAD_SYMBOL],
            counts=counts,
            harmonic=harmonic[0],
            turn=turn[0],
            breath=breath[0],
            free=free[0],
            phase=phase[0],
            pitch=pitch[0],
        )
