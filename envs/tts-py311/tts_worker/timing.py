"""When each phoneme sounds, for engines that do not say: what is said is known, so it is found in the sound.

    text ──hibari's phonemiser──> words as phonemes ──> pocketsphinx, twice: words, then their phonemes
    sound ──16 kHz─────────────────────────────────────────┘                          └──> times

The phonemiser reads numbers, abbreviations and names too, so nothing needs to stand in a dictionary.
pocketsphinx (CMU) brings an English acoustic model in its wheel, and so this is for English. Elsewhere a
sentence has its bounds only, and the lips follow its sound.

Beside the embedded engine's own times (19 sentences, 525 phonemes) onsets differ by 5 ms in the median and by
less than 33 ms nine times in ten; each p, b and m lies within 50 ms. It costs 0.03 s a second of speech.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from shared_schema.errors import TextError
from shared_schema.records import Phone
from tts_worker.audio import resampled
from tts_worker.chunk import Samples
from tts_worker.phonemes import IPA

__all__ = ["ARPABET", "Aligner"]

log = logging.getLogger("worker")

ARPABET = {
    "A": "EY", "I": "AY", "O": "OW", "W": "AW", "Y": "OY", "i": "IY", "u": "UW", "ɑ": "AA", "a": "AE",
    "æ": "AE", "ɛ": "EH", "ɪ": "IH", "ʊ": "UH", "ʌ": "AH", "ɔ": "AO", "ɜ": "ER", "ə": "AH", "ᵊ": "AH",
    "ɐ": "AH", "ᵻ": "IH", "ʤ": "JH", "ʧ": "CH", "b": "B", "d": "D", "f": "F", "ɡ": "G", "h": "HH", "j": "Y",
    "k": "K", "l": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "s": "S", "ʃ": "SH", "t": "T",
    "T": "D", "θ": "TH", "ð": "DH", "v": "V", "w": "W", "y": "IY", "z": "Z", "ʒ": "ZH",
}  # fmt: skip
"""The acoustic model's names (ARPAbet) of the phonemiser's symbols."""

HEARD_RATE = 16_000
FRAME = 0.01
"""The aligner's rate in Hz, and its step in seconds."""

LONGEST = 1.5
"""Seconds that no phoneme lasts: an alignment that says so went astray."""

COVERED = 0.5
"""The share of a sentence's sound that its phonemes must cover."""

_BEAMS = {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80}
"""Wide enough that no right path is given up; the words are known, so it costs little."""


class Aligner:
    """Aligns the sentences of one script, in a BCP 47 language, at `rate` Hz."""

    def __init__(self, language: str, rate: int) -> None:
        self._rate = rate
        self._decoder: Any = None
        if language.partition("-")[0].lower() == "en":
            from pocketsphinx import Decoder  # noqa: PLC0415 - other languages do without

            self._decoder = Decoder(samprate=HEARD_RATE, loglevel="FATAL", **_BEAMS)

    def phones(self, samples: Samples, text: str) -> list[Phone]:
        """The phonemes of a sentence in its sound (N,), in seconds from the first sample, in order.

        Nothing where the language has no model, or where the words are not found in the sound.
        """
        if self._decoder is None:
            return []
        try:
            found = self._aligned(samples, _words(text))
        except (RuntimeError, TextError) as error:
            # RuntimeError is all that pocketsphinx raises.
            log.info("Not aligned (%s): %s", error, text)
            return []
        seconds = len(samples) / self._rate
        covered = sum(phone.end - phone.start for phone in found)
        if covered < COVERED * seconds or any(phone.end - phone.start > LONGEST for phone in found):
            log.info("The alignment went astray: %s", text)
            return []
        return found

    def _aligned(self, samples: Samples, words: list[str]) -> list[Phone]:
        """The phones of words in the phonemiser's symbols. RuntimeError where they are not in the sound."""
        decoder = self._decoder
        names = []
        for word in words:
            pronounced = " ".join(ARPABET[symbol] for symbol in word)
            names.append(pronounced.replace(" ", "_").lower())
            if decoder.lookup_word(names[-1]) is None:
                decoder.add_word(names[-1], pronounced, False)
        decoder.set_align_text(" ".join(names))
        pcm = (np.clip(resampled(samples, self._rate, HEARD_RATE), -1, 1) * 32767).astype("<i2").tobytes()
        _hear(decoder, pcm)
        decoder.set_alignment()
        _hear(decoder, pcm)
        heard = [phone for word in decoder.get_alignment() for phone in word if phone.name != "SIL"]
        symbols = "".join(words)
        if len(heard) != len(symbols):
            raise RuntimeError(f"{len(heard)} of {len(symbols)} phonemes were found")
        return [_phone(symbol, phone) for symbol, phone in zip(symbols, heard, strict=True)]


def _phone(symbol: str, heard: Any) -> Phone:
    return Phone(IPA[symbol], round(heard.start * FRAME, 3), round((heard.start + heard.duration) * FRAME, 3))


def _words(text: str) -> list[str]:
    """The words of a sentence as they are spoken, in the phonemiser's symbols without stress and stops.

    "r" after the vowel of "bird" is part of it for the acoustic model.
    """
    from tts_worker.phonemiser import shared  # noqa: PLC0415 - other languages do without

    spoken = shared()(text).replace("ɜɹ", "ɜ").replace("əɹ", "ɜ")
    words = ("".join(symbol for symbol in word if symbol in ARPABET) for word in spoken.split())
    return [word for word in words if word]


def _hear(decoder: Any, pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
