"""How a sentence is cut for Kokoro, joined, streamed, and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared_schema.engine import Context
from shared_schema.errors import TextError
from shared_schema.messages import Task
from shared_schema.stages import SpeechParams, Stage
from tests.workers.tts import tiny_kokoro
from tests.workers.tts.tiny_kokoro import listening
from tts_worker.kokoro.network import MOST_SYMBOLS, Network, load
from tts_worker.kokoro.speaking import STREAMED_SYMBOLS, KokoroVoice
from tts_worker.phonemiser import shared

LONG = "We went to the market, " + "and then to the harbour, where we saw the boats, " * 6 + "and so on."
NUMBERS = " ".join(["777777777"] * 24) + "."
RATE = 24_000


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return load(tiny_kokoro.make(tmp_path_factory.mktemp("models") / "kokoro"))


def voice_of(network: Network, speed: float = 1.0) -> KokoroVoice:
    """A voice with no task in particular."""
    context = Context(Task("t", 1, Stage.SPEECH, "kokoro", "/nowhere", {}, SpeechParams()))
    return KokoroVoice(network, network.voice("af_heart"), "en", "a voice", context, speed)


def test_a_long_sentence_is_streamed_clause_by_clause_as_it_is_made(network: Network) -> None:
    heard = listening(network)
    pieces = voice_of(heard).stream(LONG, 0)
    first = next(pieces)
    assert len(heard.said) == 1
    assert 1 < len(first) / RATE < STREAMED_SYMBOLS / 10
    assert sum(map(len, pieces)) > len(first)
    assert len(heard.said) >= 3
    assert all(part[-1] in ",." for part in heard.said)
    assert " ".join(heard.said) == shared()(LONG)


def test_a_sentence_whose_words_outgrow_the_model_is_cut_and_joined_without_a_click(tmp_path: Path) -> None:
    # Its sound begins and ends in full, as at a cut within a clause it may.
    loud = load(tiny_kokoro.make(tmp_path / "kokoro", graph=tiny_kokoro.model(pad=tiny_kokoro.LOUDNESS)))
    heard = listening(loud)
    samples = voice_of(heard).speak(NUMBERS, 0)
    assert len(heard.said) > 1
    assert all(len(part) <= MOST_SYMBOLS for part in heard.said)
    assert " ".join(heard.said) == shared()(NUMBERS)
    quiet = np.flatnonzero(samples == 0)
    runs = np.split(quiet, np.flatnonzero(np.diff(quiet) != 1) + 1)
    pauses = [run for run in runs if len(run) > 0.1 * RATE]
    assert len(pauses) == len(heard.said) - 1
    for pause in pauses:
        assert np.abs(samples[pause[0] - 5 : pause[0]]).max() < 0.005
        assert np.abs(samples[pause[-1] + 1 : pause[-1] + 6]).max() < 0.005


def test_what_cannot_be_read_aloud_is_refused_and_what_has_no_sound_is_left_out(network: Network) -> None:
    heard = listening(network)
    with pytest.raises(TextError, match="cannot be read aloud"):
        voice_of(heard).speak("1" * 60, 0)
    assert voice_of(heard).speak('"…?!"', 0).shape == (0,)
    assert heard.said == []


def test_slow_speech_has_no_longer_parts_than_other_speech(network: Network) -> None:
    heard = listening(network)
    voice_of(heard, speed=0.5).speak(NUMBERS, 0)
    assert MOST_SYMBOLS / 4 < max(map(len, heard.said)) <= MOST_SYMBOLS / 2
