"""Writes a spoken script: sound and timings, sentence by sentence, so that length costs no memory.

|lead| sentence |pause| sentence |longer pause| next paragraph ... |tail|
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from shared_schema.errors import TextError
from shared_schema.records import Phone, Utterance, write_utterance
from tts_worker.synthesis import Chunk
from tts_worker.text import Boundary

__all__ = ["Narration"]

LEAD, TAIL = 0.2, 0.4
"""Seconds of rest before the first word and after the last: a face needs them to come from and go to."""

PAUSES = {Boundary.CLAUSE: 0.15, Boundary.SENTENCE: 0.4, Boundary.PARAGRAPH: 0.8}
"""Seconds of silence behind a piece of text at speed 1."""

VARIATION = 0.15
"""Pauses vary by this share, at random: none alike, as people speak."""

MOST_SAMPLES = (2**32 - 4096) // 2
"""What a WAV file's 32-bit length can say of 16-bit samples: a day of speech at 24 kHz."""


class Narration:
    """An open pair of speech.wav (mono, 16 bit) and timings.jsonl. Use it as a context manager."""

    def __init__(
        self, speech: Path, timings: Path, rate: int, speed: float, rng: np.random.Generator
    ) -> None:
        self.samples = 0
        self.utterances = 0
        self._rate = rate
        self._speed = speed
        self._rng = rng
        self._pause = LEAD
        self._files = ExitStack()
        self._timings = self._files.enter_context(timings.open("wb"))
        self._speech = self._files.enter_context(speech.open("wb"))
        self._speech.write(_wav_header(0, rate))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._files:
            if kind is None:
                self._silence(TAIL)
                self._speech.seek(0)
                self._speech.write(_wav_header(self.samples, self._rate))

    def add(self, text: str, chunks: Iterable[Chunk], boundary: Boundary) -> None:
        """Write a sentence; nothing where it has no chunk, but its pause counts."""
        phones: list[Phone] = []
        for index, chunk in enumerate(chunks):
            self._silence(self._varied(PAUSES[Boundary.CLAUSE]) if index else self._pause)
            offset = self.samples / self._rate
            phones += [
                Phone(phone.symbol, round(phone.start + offset, 4), round(phone.end + offset, 4))
                for phone in chunk.phones
            ]
            self._write(chunk.samples)
        if phones:
            write_utterance(self._timings, Utterance(text, phones[0].start, phones[-1].end, phones))
            self.utterances += 1
            self._pause = self._varied(PAUSES[boundary])
        elif self.samples:
            self._pause = max(self._pause, PAUSES[boundary] / self._speed)

    def _varied(self, seconds: float) -> float:
        return seconds / self._speed * (1 + VARIATION * (2 * self._rng.random() - 1))

    def _silence(self, seconds: float) -> None:
        self._write(np.zeros(round(seconds * self._rate), np.float32))

    def _write(self, samples: npt.NDArray[np.float32]) -> None:
        self.samples += len(samples)
        if self.samples > MOST_SAMPLES:
            raise TextError("The text is more than a day of speech.", "Split it into several scripts.")
        self._speech.write(np.rint(samples * 32767).astype("<i2").tobytes())


def _wav_header(samples: int, rate: int) -> bytes:
    """The 44 bytes before mono 16-bit PCM.

    Written here because soundfile hides a full disk behind an error of its own, and the `wave` module
    writes once more into a file that an error has closed.
    """
    size = 2 * samples
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + size,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate,
        2 * rate,
        2,
        16,
        b"data",
        size,
    )
