"""Writes a spoken script: sound and timings, sentence by sentence, so that length costs no memory.

|lead| sentence |pause| sentence |longer pause| next paragraph ... |tail|

What is written is also handed on, in pieces, to whoever listens while it is made.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from shared_schema.engine import Context
from shared_schema.errors import TextError
from shared_schema.records import Phone, Utterance, write_utterance
from tts_worker.chunk import Chunk, Samples
from tts_worker.text import Boundary

__all__ = ["Narration", "hand_on"]

LEAD, TAIL = 0.2, 0.4
"""Seconds of rest before the first word and after the last: a face needs them to come from and go to."""

PAUSES = {Boundary.CLAUSE: 0.15, Boundary.SENTENCE: 0.4, Boundary.PARAGRAPH: 0.8}
"""Seconds of silence behind a piece of text at speed 1."""

VARIATION = 0.15
"""Pauses vary by this share, at random: none alike, as people speak."""

PIECE_BYTES = 256 * 1024
"""Most sound handed on at once: 5 s at 24 kHz."""

Listener = Callable[[bytes, bool], None]
"""Told of each piece of sound (mono, 16 bit, little endian), and of the end: no bytes, True."""

MOST_SAMPLES = (2**32 - 4096) // 2
"""What a WAV file's 32-bit length can say of 16-bit samples: a day of speech at 24 kHz."""


class Narration:
    """An open pair of speech.wav (mono, 16 bit) and timings.jsonl. Use it as a context manager."""

    def __init__(
        self,
        speech: Path,
        timings: Path,
        rate: int,
        speed: float,
        rng: np.random.Generator,
        *,
        listener: Listener = lambda _pcm, _last: None,
    ) -> None:
        self.samples = 0
        self.utterances = 0
        self._rate = rate
        self._speed = speed
        self._rng = rng
        self._listener = listener
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
                self._listener(b"", True)
                self._speech.seek(0)
                self._speech.write(_wav_header(self.samples, self._rate))

    def add(self, text: str, chunks: Iterable[Chunk], boundary: Boundary) -> None:
        """Write a sentence; nothing where it has no chunk, but its pause counts."""
        phones: list[Phone] = []
        start = -1
        for index, chunk in enumerate(chunks):
            self._silence(self._varied(PAUSES[Boundary.CLAUSE]) if index else self._pause)
            start = self.samples if index == 0 else start
            phones += self._moved(chunk.phones, self.samples)
            self._write(chunk.samples)
        self._close(text, start, phones, boundary)

    def add_pieces(
        self,
        text: str,
        pieces: Iterable[Samples],
        boundary: Boundary,
        align: Callable[[Samples], list[Phone]],
    ) -> None:
        """Write a sentence as its sound comes, piece by piece without gaps; then have `align` time it.

        `align` is given the whole sentence's samples. Nothing where there is no piece, but its pause counts.
        """
        parts: list[Samples] = []
        start = -1
        for piece in pieces:
            if start < 0:
                self._silence(self._pause)
                start = self.samples
            self._write(piece)
            parts.append(piece)
        phones = self._moved(align(np.concatenate(parts)), start) if parts else []
        self._close(text, start, phones, boundary)

    def _moved(self, phones: Iterable[Phone], by: int) -> list[Phone]:
        """Phones so many samples later."""
        offset = by / self._rate
        return [
            Phone(phone.symbol, round(phone.start + offset, 4), round(phone.end + offset, 4))
            for phone in phones
        ]

    def _close(self, text: str, start: int, phones: list[Phone], boundary: Boundary) -> None:
        """End a sentence whose sound began at sample `start`; negative where it has none."""
        if start < 0:
            if self.samples:
                self._pause = max(self._pause, PAUSES[boundary] / self._speed)
            return
        first = phones[0].start if phones else round(start / self._rate, 4)
        last = phones[-1].end if phones else round(self.samples / self._rate, 4)
        write_utterance(self._timings, Utterance(text, first, last, phones))
        self.utterances += 1
        self._pause = self._varied(PAUSES[boundary])

    def _varied(self, seconds: float) -> float:
        return seconds / self._speed * (1 + VARIATION * (2 * self._rng.random() - 1))

    def _silence(self, seconds: float) -> None:
        self._write(np.zeros(round(seconds * self._rate), np.float32))

    def _write(self, samples: Samples) -> None:
        self.samples += len(samples)
        if self.samples > MOST_SAMPLES:
            raise TextError("The text is more than a day of speech.", "Split it into several scripts.")
        pcm = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        self._speech.write(pcm)
        for begin in range(0, len(pcm), PIECE_BYTES):
            self._listener(pcm[begin : begin + PIECE_BYTES], False)


def hand_on(context: Context, pcm: bytes, last: bool) -> None:
    """A listener that sends the sound to whoever asked for the task."""
    context.chunk("speech", pcm, last=last)


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
