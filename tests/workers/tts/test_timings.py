"""Each phoneme's times are those at which it sounds: an independent aligner hears the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shared_schema.records import Utterance
from shared_schema.stages import SpeechParams
from tts_worker.engines.hibari import HibariEngine
from tts_worker.phonemes import PHONEMES

Make = Callable[..., Any]
Sound = npt.NDArray[Any]

RATE = 24_000
SENTENCES = (
    "the birch canoe slid on the smooth planks",
    "glue the sheet to the dark blue background",
    "it is easy to tell the depth of a well",
    "these days a chicken leg is a rare dish",
    "rice is often served in round bowls",
    "the juice of lemons makes fine punch",
    "four hours of steady work faced us",
    "a large size in stockings is hard to sell",
    "please remember that every voice you hear was made by a machine",
)


@pytest.fixture
def speak(run_engine: Make, engine: HibariEngine, script: Make, read: Make) -> Make:
    """`speak(text, speed=1.0, voice=None)`: samples and utterances."""

    def run(text: str, speed: float = 1.0, **inputs: Path) -> Any:
        result = run_engine(engine, SpeechParams(speed=speed), text=script(text), **inputs)
        return read(result.files)

    return run


@pytest.fixture
def differences(speak: Make, ear: Any, onset_differences: Make) -> Make:
    """`differences(...)`: seconds from the onsets that the aligner hears to ours."""

    def compare(**options: Any) -> Sound:
        samples, utterances = speak("\n\n".join(f"{text.capitalize()}." for text in SENTENCES), **options)
        found = []
        for text, utterance in zip(SENTENCES, utterances, strict=True):
            begin = int((utterance.start - 0.15) * RATE)
            heard = ear.phones(samples[begin : int((utterance.end + 0.2) * RATE)], text)
            shifted = [(name, start + begin / RATE, end + begin / RATE) for name, start, end in heard]
            found += onset_differences(utterance.phones, shifted)
        return np.array(found)

    return compare


def level(samples: Sound) -> float:
    return float(10 * np.log10(np.mean(np.square(samples)) + 1e-12))


def pauses(samples: Sound, utterances: list[Utterance]) -> list[Sound]:
    """The samples between phonemes that do not touch."""
    phones = [phone for utterance in utterances for phone in utterance.phones]
    return [
        samples[int(before.end * RATE) : int(after.start * RATE)]
        for before, after in pairwise(phones)
        if after.start - before.end > 0.03
    ]


def test_an_independent_aligner_hears_the_phonemes_at_the_same_times(differences: Make) -> None:
    found = differences()
    assert len(found) > 150
    assert np.median(np.abs(found)) < 0.02
    assert np.quantile(np.abs(found), 0.9) < 0.06
    assert abs(np.median(found)) < 0.015


def test_the_aligner_would_notice_times_that_are_off(differences: Make) -> None:
    assert np.median(np.abs(differences() + 0.1)) > 0.06


def test_the_times_hold_for_a_matched_voice(differences: Make, recording: Make, vowels: Make) -> None:
    found = differences(voice=recording(vowels(110, 1.0), 16_000))
    assert np.median(np.abs(found)) < 0.025


def test_the_times_hold_at_a_slow_pace(differences: Make) -> None:
    assert np.median(np.abs(differences(speed=0.75))) < 0.03


def test_phones_are_in_order_within_their_utterance_and_of_known_symbols(speak: Make) -> None:
    samples, utterances = speak(
        "Well, well! Judge Boyd may measure the young zoo. She sings; we how-do-you-do."
    )
    time = 0.0
    for utterance in utterances:
        assert utterance.start == utterance.phones[0].start
        assert utterance.end == utterance.phones[-1].end
        for phone in utterance.phones:
            assert time <= phone.start < phone.end <= len(samples) / RATE
            assert phone.symbol in PHONEMES
            time = phone.end


@pytest.mark.parametrize(
    "text", ["Pick pickled peppers.", "Did you see it?", "Go away!", "He said, yes, I will."]
)
def test_a_phoneme_before_a_stop_ends_with_its_sound(speak: Make, text: str) -> None:
    samples, utterances = speak(f"{text} And then.")
    assert all(level(pause) < -55 for pause in pauses(samples, utterances))
    end = int(utterances[0].phones[-1].end * RATE)
    assert level(samples[end - RATE // 50 : end]) > -60
    assert level(samples[end + RATE // 50 : end + RATE // 10]) < -60


def test_the_pause_in_the_last_phonemes_duration_is_not_the_phonemes(speak: Make) -> None:
    """The model gives the "z" of "peppers" 0.33 s, of which two thirds are silent."""
    _, (utterance,) = speak("Peter Piper picked a peck of pickled peppers.")
    last = utterance.phones[-1]
    assert last.symbol == "z"
    assert 0.05 < last.end - last.start < 0.2


def test_a_pause_at_a_comma_is_silence(speak: Make) -> None:
    samples, (utterance,) = speak("Good morning, and welcome to our little show.")
    gaps = pauses(samples, [utterance])
    assert len(gaps) == 1
    assert len(gaps[0]) > 0.1 * RATE
    assert level(gaps[0]) < -55


def test_speech_without_a_pause_has_no_gap_between_phonemes(speak: Make) -> None:
    _, (utterance,) = speak("We all were away in May.")
    edges = [(before.end, after.start) for before, after in pairwise(utterance.phones)]
    assert all(end == pytest.approx(start, abs=1e-3) for end, start in edges)


def test_lips_that_close_for_p_b_and_m_close_while_the_sound_is_weak(speak: Make) -> None:
    """At the closure of a stop between vowels, the sound is weakest: a check that needs no aligner."""
    samples, utterances = speak("A copper pipe. A happy puppy. A rubber baby. Upper paper apple.")
    phones = [phone for utterance in utterances for phone in utterance.phones]
    vowels = {"i", "u", "ɑ", "æ", "ɛ", "ɪ", "ʌ", "ə", "eɪ", "aɪ"}
    dips = []
    for before, stop, after in zip(phones, phones[1:], phones[2:], strict=False):
        if stop.symbol == "p" and {before.symbol, after.symbol} <= vowels:
            window = [int(time * RATE) for time in (before.start, stop.start, stop.end)]
            dips.append(level(samples[window[1] : window[2]]) - level(samples[window[0] : window[1]]))
    assert len(dips) >= 4
    assert np.median(dips) < -10
