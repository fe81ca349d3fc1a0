"""Phonemes are found in the sound of an engine that does not tell its timings."""

from __future__ import annotations

import difflib
import itertools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from shared_schema.records import Phone
from tts_worker.audio import resampled
from tts_worker.chunk import Chunk
from tts_worker.model import HibariModel
from tts_worker.phonemes import IPA, PHONEMES
from tts_worker.synthesis import SAMPLE_TEXT, Synthesizer
from tts_worker.timing import ARPABET, Aligner

RATE = 24_000
ODD = (
    "It's 1984, Dr. Smith, and we paid $20 for 3.5 kilos.",
    "Kubernetes and Xerxes are well-known names.",
    "Bob's baby bumped the big brown box.",
    "Yes.",
)
Speak = Callable[[str], Chunk]


@pytest.fixture(scope="module")
def speak() -> Speak:
    """`speak(text)`: the embedded engine's sound, whose times are known."""
    voice = Synthesizer(HibariModel())

    def say(text: str) -> Chunk:
        (chunk,) = voice.speak(text, 1.0, np.random.default_rng(0))
        return chunk

    return say


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return Aligner("en", RATE)


def known_and_found(speak: Speak, aligner: Aligner) -> list[tuple[Phone, Phone]]:
    """Pairs of the same phoneme: as the engine has it, as it was found."""
    pairs: list[tuple[Phone, Phone]] = []
    for text in (*SAMPLE_TEXT, *ODD):
        chunk = speak(text)
        found = aligner.phones(chunk.samples, text)
        assert found, text
        known, heard = ([phone.symbol for phone in side] for side in (chunk.phones, found))
        for block in difflib.SequenceMatcher(None, known, heard, autojunk=False).get_matching_blocks():
            pairs += zip(chunk.phones[block.a :][: block.size], found[block.b :], strict=False)
    return pairs


def test_phonemes_begin_where_they_are_known_to_begin(speak: Speak, aligner: Aligner) -> None:
    pairs = known_and_found(speak, aligner)
    off = np.array([found.start - known.start for known, found in pairs])
    assert len(off) > 350
    assert abs(np.median(off)) < 0.015
    assert np.quantile(np.abs(off), 0.9) < 0.045


def test_lips_close_where_they_are_known_to_close(speak: Speak, aligner: Aligner) -> None:
    closures = [(known, found) for known, found in known_and_found(speak, aligner) if known.symbol in "pbm"]
    assert len(closures) > 20
    for known, found in closures:
        assert abs((found.start + found.end) - (known.start + known.end)) / 2 < 0.06


@pytest.mark.parametrize("text", ODD)
def test_numbers_names_and_abbreviations_are_aligned_too(text: str, speak: Speak, aligner: Aligner) -> None:
    chunk = speak(text)
    found = aligner.phones(chunk.samples, text)
    assert len(found) > 2
    assert all(first.end <= second.start + 1e-6 for first, second in itertools.pairwise(found))
    assert found[-1].end <= len(chunk.samples) / RATE + 0.02


def test_another_rate_gives_the_same_times(speak: Speak, aligner: Aligner) -> None:
    chunk = speak(SAMPLE_TEXT[0])
    other = Aligner("en-gb", 44_100).phones(resampled(chunk.samples, RATE, 44_100), SAMPLE_TEXT[0])
    own = aligner.phones(chunk.samples, SAMPLE_TEXT[0])
    assert [phone.symbol for phone in own] == [phone.symbol for phone in other]
    assert np.median([abs(a.start - b.start) for a, b in zip(own, other, strict=True)]) <= 0.01


def test_symbols_are_those_that_the_lips_know() -> None:
    assert ARPABET.keys() == IPA.keys()
    assert {IPA[symbol] for symbol in ARPABET} == set(PHONEMES)


@pytest.mark.parametrize("text", ["", "?!", "日本語"])
def test_a_sentence_without_english_words_is_not_aligned(text: str, speak: Speak, aligner: Aligner) -> None:
    assert aligner.phones(speak("Yes.").samples, text) == []


def test_words_that_are_not_in_the_sound_are_not_claimed(
    speak: Speak, aligner: Aligner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "worker")
    long = " ".join(SAMPLE_TEXT)
    assert aligner.phones(speak("Yes.").samples, long) == []
    assert "Not aligned" in caplog.text


def test_silence_is_not_aligned(aligner: Aligner) -> None:
    assert aligner.phones(np.zeros(5 * RATE, np.float32), "Hello there.") == []


def test_other_languages_have_bounds_only(speak: Speak) -> None:
    aligner: Any = Aligner("de", RATE)
    assert aligner.phones(speak("Yes.").samples, "Ja.") == []
