"""Every sound has a mouth shape, and shapes have the features that phonetics gives the sound."""

from __future__ import annotations

import logging

import pytest

from lipsync_worker.pose import Param
from lipsync_worker.visemes import NEUTRAL, SYMBOLS, visemes_of

VOWELS = ["i", "ɪ", "e", "ɛ", "æ", "ɑ", "ɔ", "ʌ", "ə", "ɚ", "ɝ", "ɜ", "ʊ", "u", "a", "ɒ", "o"]
DIPHTHONGS = ["eɪ", "aɪ", "oʊ", "aʊ", "ɔɪ", "əʊ", "ɪə", "eə", "ʊə"]
CONSONANTS = [
    *("p", "b", "m", "f", "v", "θ", "ð", "t", "d", "n", "s", "z", "ʃ", "ʒ", "tʃ", "dʒ"),
    *("k", "ɡ", "g", "ŋ", "l", "ɫ", "ɹ", "r", "w", "j", "h", "ɾ", "ʔ"),
]


@pytest.mark.parametrize("symbol", VOWELS + CONSONANTS)
def test_each_sound_of_english_has_a_shape_of_its_own(symbol: str) -> None:
    assert visemes_of(symbol) == (SYMBOLS[symbol],)


@pytest.mark.parametrize("symbol", DIPHTHONGS)
def test_a_diphthong_moves_between_two_shapes(symbol: str) -> None:
    assert visemes_of(symbol) == (SYMBOLS[symbol[0]], SYMBOLS[symbol[1]])


@pytest.mark.parametrize("symbol", VOWELS)
def test_only_vowels_open_with_the_voice(symbol: str) -> None:
    assert SYMBOLS[symbol].vowel
    assert not any(SYMBOLS[consonant].vowel for consonant in CONSONANTS)


def test_lips_meet_for_bilabials_and_for_nothing_else() -> None:
    closing = {symbol for symbol in CONSONANTS + VOWELS if SYMBOLS[symbol].target[Param.CLOSE] == 1}
    assert closing == {"p", "b", "m"}


def test_the_lower_lip_meets_the_teeth_for_f_and_v_and_for_nothing_else() -> None:
    touching = {symbol for symbol in CONSONANTS + VOWELS if SYMBOLS[symbol].target[Param.DENTAL] == 1}
    assert touching == {"f", "v"}


def test_the_jaw_falls_with_the_height_of_the_vowel() -> None:
    heights = [float(SYMBOLS[symbol].target[Param.JAW]) for symbol in ("i", "ɪ", "e", "ɛ", "æ", "ɑ")]
    assert heights == sorted(heights)


def test_rounded_vowels_are_rounded_and_front_vowels_spread() -> None:
    assert all(SYMBOLS[symbol].target[Param.ROUND] > 0.3 for symbol in ("u", "ʊ", "o", "ɔ", "ɒ"))
    assert all(SYMBOLS[symbol].target[Param.WIDE] > 0.3 for symbol in ("i", "ɪ", "e", "ɛ", "æ"))


@pytest.mark.parametrize(
    ("marked", "plain"), [("iː", "i"), ("ˈæ", "æ"), ("n̩", "n"), ("l̩", "l"), ("t͡ʃ", "tʃ")]
)
def test_marks_of_length_stress_and_syllables_change_no_shape(marked: str, plain: str) -> None:
    assert visemes_of(marked) == visemes_of(plain)


def test_an_unknown_sound_is_a_small_opening_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert visemes_of("ǃ") == (NEUTRAL,)
        assert visemes_of("ǃ") == (NEUTRAL,)
    assert len(caplog.records) == 1
    assert 0 < NEUTRAL.target[Param.JAW] < 0.4
