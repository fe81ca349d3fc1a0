"""Speaks one sentence: text to level, trimmed sound and the exact times of its phonemes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from shared_schema.records import Phone
from tts_worker.alignment import align
from tts_worker.chunk import Chunk
from tts_worker.level import faded, limited
from tts_worker.model import SAMPLE_RATE, HibariModel, Prediction
from tts_worker.phonemes import chunks
from tts_worker.vocoder import Match, matched_sound

__all__ = ["SAMPLE_TEXT", "Synthesizer", "own_sound"]

SAMPLE_TEXT = (
    "The quick brown fox jumps over the lazy dog.",
    "She had your dark suit in greasy wash water all year.",
    "These days a chicken leg is a rare dish.",
    "Four hours of steady work faced us.",
    "The boy was there when the sun rose.",
    "We often talked about the weather on those long evenings by the sea.",
    "Please help the woman get back to her feet, and ask her name.",
    "Kick the ball straight, and follow through.",
    "Good morning, and welcome to our little show.",
    "My brother bought a yellow umbrella because it might rain tomorrow.",
)
"""Sentences with every phoneme, by which the engine measures its own voice (about 27 seconds)."""

LEVEL = 10 ** (-20 / 20)
"""Root mean square of the speech itself: -20 dB of full scale, usual for the spoken word."""

AUDIBLE = 10 ** (-60 / 20)
"""What is 60 dB under the loudest moment at a chunk's ends is cut off as silence."""

MARGIN = SAMPLE_RATE // 50
"""Samples in 20 ms."""


def own_sound(model: HibariModel) -> npt.NDArray[np.float32]:
    """The model's own voice speaking `SAMPLE_TEXT`: (N,) samples at 24 kHz."""
    rng = np.random.default_rng(0)
    return np.concatenate([model.predict(model.phonemes(text), 1.0).sound(rng) for text in SAMPLE_TEXT])


class Synthesizer:
    """A voice: the model's own, or the one that `match` makes of it, at one level for all it says."""

    def __init__(self, model: HibariModel, match: Match | None = None) -> None:
        self._model = model
        self._match = match
        rng = np.random.default_rng(0)
        sample = self._sound(model.predict(model.phonemes(SAMPLE_TEXT[0]), 1.0), rng)
        self._gain = LEVEL / _speech_level(sample)

    def speak(self, sentence: str, speed: float, rng: np.random.Generator) -> Iterator[Chunk]:
        """The sentence in one chunk, or in several where the model could not take it whole.

        Nothing where the sentence has no sound. TextError where it cannot be read.
        """
        for phonemes in chunks(self._model.phonemes(sentence), self._model.limit):
            prediction = self._model.predict(phonemes, speed)
            samples = self._sound(prediction, rng)
            alignment = align(prediction, samples)
            if alignment.phones:
                yield _trimmed(limited(samples * np.float32(self._gain), SAMPLE_RATE), alignment.phones)

    def _sound(self, prediction: Prediction, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        if self._match is None:
            return prediction.sound(rng)
        return matched_sound(prediction, self._match, rng)


def _speech_level(samples: npt.NDArray[np.float32]) -> float:
    """Root mean square of the frames of 25 ms that are within 25 dB of the loudest."""
    size = SAMPLE_RATE // 40
    power = np.square(samples[: len(samples) // size * size].reshape(-1, size)).mean(axis=1)
    return float(np.sqrt(power[power > power.max() * 10 ** (-25 / 10)].mean()))


def _trimmed(samples: npt.NDArray[np.float32], phones: list[Phone]) -> Chunk:
    """The sound without the silence around it, faded in and out over 5 ms so that no joint clicks."""
    audible = np.flatnonzero(np.abs(samples) > AUDIBLE * np.abs(samples).max())
    start = max(0, min(int(audible[0]), int(phones[0].start * SAMPLE_RATE)) - MARGIN)
    end = min(len(samples), max(int(audible[-1]), int(phones[-1].end * SAMPLE_RATE) + 1) + MARGIN)
    trimmed = faded(samples[start:end], SAMPLE_RATE)
    offset = start / SAMPLE_RATE
    return Chunk(trimmed, [Phone(phone.symbol, phone.start - offset, phone.end - offset) for phone in phones])
