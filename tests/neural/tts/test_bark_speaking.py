"""Bark sentence by sentence: how long at once, repeated when it went wrong, cancelled in the middle."""

from __future__ import annotations

import functools
import logging
import threading

import numpy as np
import pytest

from shared_schema.errors import Cancelled, EngineFailed
from tests.neural.tts import tiny_bark
from tests.neural.tts.conftest import Say, ending, heard
from tts_worker.attempts import Bounds
from tts_worker.bark.network import Network
from tts_worker.engines.bark import BarkEngine

TEXT = "Hello there. How are you today, my friend?"


@pytest.fixture
def network(bark: BarkEngine) -> Network:
    return bark.network


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("language", "text", "limit"),
    [
        ("zh-cn", "今天天气很好我们去公园散步" * 8 + "。", 50),
        ("en", "Many words and more " * 20 + "end.", 150),
    ],
)
def test_a_long_sentence_is_spoken_in_parts_of_thirteen_seconds(
    bark: BarkEngine, say: Say, language: str, text: str, limit: int
) -> None:
    said = [done for phase, done, _ in say(bark, text, language=language).progress if phase == "speaking"]
    assert limit * 0.8 < max(np.diff(said)) <= limit


def test_a_text_of_more_tokens_than_the_nets_take_is_halved_and_nothing_lost(
    bark: BarkEngine, network: Network, say: Say
) -> None:
    text = "a sentence whose letters are more tokens than the tiny one has any place for, so it is cut."
    with heard(network.model.semantic) as calls, ending(bark, 70):
        assert say(bark, text).outcome.sentences == 1
    counts = [int(call["attention_mask"].sum()) for call in calls]
    assert len(counts) == 2
    assert max(counts) <= tiny_bark.TINY.stages[0]["max_input_semantic_length"]
    assert sum(counts) == len(text.replace(" ", ""))


def test_a_runaway_is_repeated_with_the_reason_and_cut_in_the_end(
    bark: BarkEngine, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    with ending(bark, 1000):
        spoken = say(bark, "Hi.")
    told = reasons(caplog)
    assert [reason.partition(" at")[0] for reason in told] == [f"Attempt {n} of 3" for n in (1, 2, 3)]
    assert all("did not come to an end in 2.5 s" in reason for reason in told)
    assert len(spoken.samples) / 24_000 < Bounds("Hi.", "en").most + 0.7


def test_the_models_own_limit_holds_too(bark: BarkEngine, say: Say, caplog: pytest.LogCaptureFixture) -> None:
    with ending(bark, 1000):
        say(bark, TEXT)
    assert all("did not come to an end in 3.2 s" in reason for reason in reasons(caplog)[3:])


def test_what_was_over_too_soon_is_repeated_and_only_the_last_made_sound(
    bark: BarkEngine, network: Network, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    with ending(bark, 5), heard(network.model.coarse_acoustics) as calls:
        say(bark, "A sentence that nobody says in a tenth of a second.")
    assert [reason.rpartition(": ")[2] for reason in reasons(caplog)] == ["it was over in 0.1 s."] * 3
    assert len(calls) == 1


def test_a_sentence_that_stays_silent_is_an_error_with_the_sentence(
    bark: BarkEngine, network: Network, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    last = network.model.codec_model.decoder.layers[-1].conv
    kept = [parameter.data.clone() for parameter in last.parameters()]
    for parameter in last.parameters():
        parameter.data.zero_()
    try:
        with pytest.raises(EngineFailed, match=r"silent, 3 times, at: Hello there\."):
            say(bark, TEXT)
    finally:
        for parameter, value in zip(last.parameters(), kept, strict=True):
            parameter.data.copy_(value)
    assert [reason.rpartition(": ")[2] for reason in reasons(caplog)] == ["it is silent."] * 3


def test_a_sentence_without_a_single_token_is_that_error_too(bark: BarkEngine, say: Say) -> None:
    with ending(bark, 0), pytest.raises(EngineFailed, match=r"silent, 3 times, at: Hello there\."):
        say(bark, TEXT)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("net", "step"),
    [("semantic", 3), ("coarse_acoustics", 3), ("fine_acoustics", 3), ("codec_model.decoder", 1)],
)
def test_it_is_cancelled_within_a_step_of_each_stage_and_speaks_again(
    bark: BarkEngine, say: Say, net: str, step: int, stream: bool
) -> None:
    before = say(bark, TEXT)
    cancelled = threading.Event()
    layers = bark.network.model.get_submodule(net).layers
    passed: list[int] = []

    def count(_module: object, _inputs: object, index: int = 0) -> None:
        passed.append(index)
        if passed.count(0) == step:
            cancelled.set()

    hooks = [
        layer.register_forward_pre_hook(functools.partial(count, index=index))
        for index, layer in enumerate(layers)
    ]
    with pytest.raises(Cancelled):
        say(bark, TEXT, cancelled=cancelled, stream=stream)
    for hook in hooks:
        hook.remove()
    assert passed == [*list(range(len(layers))) * (step - 1), 0]
    assert not any(layer._forward_pre_hooks for layer in layers)
    assert np.array_equal(before.samples, say(bark, TEXT).samples)
