"""What is written: a clean, level, repeatable recording, and timings that belong to it."""

from __future__ import annotations

import errno
import re
import wave
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared_schema.records import Phone
from shared_schema.stages import SpeechOutcome, SpeechParams
from tts_worker import synthesis
from tts_worker.chunk import Chunk
from tts_worker.engines.hibari import HibariEngine
from tts_worker.narration import Narration
from tts_worker.text import Boundary

Make = Callable[..., Any]

RATE = 24_000
TEXT = "Good morning. How do you do? Dr. Smith paid $3.14 for it.\n\nThat was one paragraph; here is another!"


@pytest.fixture
def speak(run_engine: Make, engine: HibariEngine, script: Make) -> Make:
    def run(text: str = TEXT, seed: int = 0, **params: Any) -> Any:
        return run_engine(engine, SpeechParams(**params), seed=seed, text=script(text))

    return run


def test_the_speech_is_a_mono_16_bit_wav_at_24_khz(speak: Make) -> None:
    run = speak()
    with wave.open(str(run.files["speech"])) as file:
        assert file.getparams()[:3] == (1, 2, RATE)
        assert file.getnframes() == run.outcome.samples
    assert run.files["speech"].stat().st_size == 44 + 2 * run.outcome.samples
    assert isinstance(run.outcome, SpeechOutcome)
    assert (run.outcome.sample_rate, run.outcome.sentences) == (RATE, 4)


def test_each_sentence_has_its_utterance(speak: Make, read: Make) -> None:
    _, utterances = read(speak().files)
    assert [utterance.text for utterance in utterances] == [
        "Good morning.",
        "How do you do?",
        "Dr. Smith paid $3.14 for it.",
        "That was one paragraph; here is another!",
    ]


def test_the_words_are_those_of_the_text(speak: Make, read: Make, ear: Any) -> None:
    text = "Good morning, and welcome to our little show. The boy was there when the sun rose."
    words = set(re.findall(r"\w+", text.lower()))
    samples, _ = read(speak(text).files)
    assert len(words & set(ear.words(samples))) >= 0.8 * len(words)


def test_sentences_are_equally_loud_and_nothing_is_clipped(speak: Make, read: Make) -> None:
    samples, utterances = read(
        speak("My brother bought a yellow umbrella because it might rain. " + TEXT).files
    )
    levels = []
    for utterance in utterances:
        part = samples[int(utterance.start * RATE) : int(utterance.end * RATE)]
        power = np.square(part[: len(part) // 600 * 600].reshape(-1, 600)).mean(axis=1)
        levels.append(10 * np.log10(power[power > power.max() / 300].mean()))
    assert np.ptp(levels) < 4
    assert np.mean(levels) == pytest.approx(-20, abs=1.5)
    assert np.abs(samples).max() < 0.9
    assert abs(samples.mean()) < 1e-3


def test_joints_do_not_click(speak: Make, read: Make) -> None:
    samples, utterances = read(speak().files)
    for before, after in pairwise(utterances):
        gap = samples[int(before.end * RATE) : int(after.start * RATE)]
        assert np.abs(np.diff(gap)).max() < 0.02
        assert np.any(gap == 0)


def test_a_sound_that_begins_and_ends_abruptly_is_faded() -> None:
    chunk = synthesis._trimmed(np.full(RATE, 0.5, np.float32), [Phone("m", 0.1, 0.9)])
    assert np.abs(chunk.samples[[0, -1]]).max() < 0.01
    assert np.abs(np.diff(chunk.samples)).max() < 0.01
    assert chunk.samples[len(chunk.samples) // 2] == 0.5


def test_rest_surrounds_the_speech(speak: Make, read: Make) -> None:
    samples, utterances = read(speak().files)
    assert 0.15 < utterances[0].start < 0.35
    assert 0.35 < len(samples) / RATE - utterances[-1].end < 0.6
    assert not samples[: int(0.1 * RATE)].any()
    assert not samples[-int(0.2 * RATE) :].any()


def test_a_paragraph_has_a_longer_pause_behind_it(speak: Make, read: Make) -> None:
    _, utterances = read(speak("One thing.\n\nTwo things. Three things.").files)
    pauses = [after.start - before.end for before, after in pairwise(utterances)]
    assert pauses[0] > 1.5 * pauses[1] > 0.3


def test_speed_changes_the_length(speak: Make) -> None:
    slow, usual, fast = (speak(speed=speed).outcome.samples for speed in (0.6, 1.0, 1.6))
    assert slow > 1.4 * usual
    assert fast < 0.75 * usual


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(speak: Make) -> None:
    first, again, other = (speak(seed=seed).files for seed in (7, 7, 8))
    assert first["speech"].read_bytes() == again["speech"].read_bytes()
    assert first["timings"].read_bytes() == again["timings"].read_bytes()
    assert first["speech"].read_bytes() != other["speech"].read_bytes()


def test_a_sentence_too_long_for_the_model_is_spoken_to_its_end(speak: Make, read: Make, ear: Any) -> None:
    numbers = "1,234,567,891 and " * 20 + "the boy was there."
    samples, utterances = read(speak(numbers).files)
    assert samples.size > 60 * RATE
    assert {"boy", "there"} <= set(ear.words(samples[int((utterances[-1].end - 1.2) * RATE) :]))


@pytest.mark.parametrize(
    "text",
    [
        "9" * 400, "①②③ ½ ² x² 3/4 99/99/9999 25:61", "$999,999,999,999,999,999,999.99", "Chapter MMMM.",
        "a" * 3000, "Zürich naïve façade", "1e999 0x1F -5 +3 90's", "https://example.com/a?b=c#d", "ﬀ ﬁ ﬂ 𝟙𝟚",
        "I said hello, 😀 שלום, to привет.", "\u202eabc\u202c a\u0300\u0301\u0302\u0303 b",
    ],
)  # fmt: skip
def test_odd_text_is_spoken_without_a_fault(speak: Make, text: str) -> None:
    assert speak(text).outcome.sentences >= 1


def test_progress_counts_up_to_a_known_total(speak: Make) -> None:
    seen = [(done, total) for phase, done, total in speak().progress if phase == "speaking"]
    totals = {total for _, total in seen}
    assert len(totals) == 1
    assert seen[0][0] == 0
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == totals.pop()


def test_a_full_disk_is_an_error_that_names_it(tmp_path: Path) -> None:
    tone = Chunk(np.full(100_000, 0.1, np.float32), [])
    with pytest.raises(OSError, match="No space left") as caught:  # noqa: SIM117 - two contexts, one statement
        with Narration(Path("/dev/full"), tmp_path / "t", RATE, 1.0, np.random.default_rng(0)) as narration:
            narration.add("Tone.", [tone], Boundary.SENTENCE)
    assert caught.value.errno == errno.ENOSPC
