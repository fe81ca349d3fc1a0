"""Kokoro as a voice that `read_aloud` can use: a sentence's phonemes, in as many parts as the model needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shared_schema.engine import Context
from shared_schema.errors import EngineFailed
from tts_worker.attempts import is_silent
from tts_worker.chunk import Samples
from tts_worker.kokoro.network import MOST_SYMBOLS, RATE, Network
from tts_worker.level import edged
from tts_worker.narration import PAUSES
from tts_worker.phonemes import STRESSES, chunks
from tts_worker.phonemiser import shared
from tts_worker.reading import check_finite
from tts_worker.text import MAX_SENTENCE, Boundary

__all__ = ["STREAMED_SYMBOLS", "KokoroVoice"]

STREAMED_SYMBOLS = 150
"""Most symbols of a part while streaming: ten seconds, where a whole sentence can have thirty."""

SOUNDLESS = STRESSES | frozenset(' ;:,.!?—…"()“”')
"""Symbols that shape what stands beside them, and have no sound of their own."""


@dataclass
class KokoroVoice:
    """A loaded network and the styles of one of its voices, (510, 256). `british` is how words are read."""

    network: Network
    styles: npt.NDArray[np.float32]
    language: str
    description: str
    context: Context
    speed: float = 1.0
    british: bool = False
    advice: list[str] = field(default_factory=list)

    @property
    def rate(self) -> int:
        """Hz."""
        return RATE

    @property
    def limit(self) -> int:
        """Characters of one sentence; one with more symbols than the model takes is cut once more."""
        return MAX_SENTENCE

    def speak(self, text: str, index: int) -> Samples:  # noqa: ARG002 - nothing here is drawn by a seed
        """A sentence's sound, (N,) at `rate`."""
        return np.concatenate([np.zeros(0, np.float32), *self._sound(text, MOST_SYMBOLS)])

    def stream(self, text: str, index: int) -> Iterator[Samples]:  # noqa: ARG002 - as above
        """The same in pieces; long sentences are cut at clauses, so that the first is heard soon."""
        yield from self._sound(text, STREAMED_SYMBOLS)

    def _sound(self, text: str, most: int) -> Iterator[Samples]:
        phonemes = self.network.known(shared(british=self.british)(text))
        # Memory grows with the seconds of a part, and so slow speech has fewer symbols in one.
        fitting = round(most * min(1.0, self.speed))
        parts = [part for part in chunks(phonemes, fitting) if not SOUNDLESS.issuperset(part)]
        for number, part in enumerate(parts):
            self.context.check()
            samples = self.network.sound(part, self.styles, self.speed, self.context)
            check_finite(samples)
            # The same words always sound the same, so that a second attempt would not mend it.
            if is_silent(samples):
                raise EngineFailed(f"Kokoro stayed silent at: {text}", "Word it differently.")
            if len(parts) == 1:
                yield samples
                continue
            # Each ends in a silence of its own length, and may end within a word's sound.
            if number:
                yield np.zeros(round(PAUSES[Boundary.CLAUSE] / self.speed * RATE), np.float32)
            yield from edged([samples], RATE)
