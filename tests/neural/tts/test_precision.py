"""Half precision: asked for by the profile, each weight halved once, and nothing but matrices in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from shared_schema.engine import Context
from shared_schema.messages import Precision, Profile, Task
from shared_schema.stages import SpeechParams, Stage
from tests.neural.tts.conftest import ending, stopping
from tts_worker import precision
from tts_worker.bark import generation, presets
from tts_worker.engines.bark import BarkEngine
from tts_worker.engines.xtts import XttsEngine
from tts_worker.xtts.decoder import Decoder
from tts_worker.xtts.generation import Settings, codes, text_tokens

HALVES = [torch.bfloat16, torch.float16]
SENTENCE = "Hello there."


@contextmanager
def casts() -> Iterator[Counter[int]]:
    """How often each tensor is copied into another format, by where it lies."""
    seen: Counter[int] = Counter()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, function: Any, types: Any, arguments: Any = (), named: Any = None
        ) -> Any:
            if function in {torch.ops.aten._to_copy.default, torch.ops.aten.to.dtype}:
                seen[arguments[0].data_ptr()] += 1
            return function(*arguments, **(named or {}))

    watch: Any = Watch  # its base is not annotated
    with watch():
        yield seen


def test_the_format_of_numbers_follows_the_device_and_its_profile() -> None:
    task = Task("test", 1, Stage.SPEECH, "bark", "", {}, SpeechParams())

    def half(device: str, asked: Precision) -> torch.dtype | None:
        return precision.wanted(Context(task, device=device, profile=Profile(precision=asked)))

    assert half("cpu", Precision.FP16) is None
    assert half("cuda", Precision.FP32) is None
    assert half("cuda", Precision.FP16) is torch.float16
    assert half("cuda", Precision.BF16) is torch.bfloat16


@pytest.mark.parametrize("half", HALVES)
def test_bark_halves_each_weight_once_a_stage_and_decodes_in_fp32(
    loaded_bark: BarkEngine, half: torch.dtype
) -> None:
    network = loaded_bark.network
    assert network is not None
    history = presets.read(network, "en_speaker_6")
    text = generation.text_tokens(network, SENTENCE)
    torch.manual_seed(1)
    with ending(loaded_bark, 20), casts() as seen:
        tokens = generation.semantics(network, text, history, 100, half=half).tokens
        samples = generation.sound(network, generation.codes(network, tokens, history, half=half))
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    for net in (network.model.semantic, network.model.coarse_acoustics, network.model.fine_acoustics):
        assert {seen[layer.mlp.in_proj.weight.data_ptr()] for layer in net.layers} == {1}
    assert not any(seen[weight.data_ptr()] for weight in network.model.codec_model.decoder.parameters())


@pytest.mark.parametrize("half", HALVES)
def test_xtts_halves_each_weight_once_a_sentence_and_decodes_in_fp32_meanwhile(
    engine: XttsEngine, half: torch.dtype
) -> None:
    network = engine.network
    assert network is not None
    speaker = network.speaker(network.speakers[0])
    layers = network.model.gpt.gpt.h
    formats: list[torch.dtype] = []
    hook = layers[0].mlp.c_fc.register_forward_hook(lambda _net, _given, made: formats.append(made.dtype))
    torch.manual_seed(1)
    with stopping(engine, -20.0), casts() as seen:
        chain = codes(
            network, speaker, text_tokens(network, SENTENCE, "en"), Settings.of(network, None), half=half
        )
        decoder = Decoder(network.model, speaker.embedding)
        pieces = list(decoder.pieces((latent for _, latent in chain), 8))
    hook.remove()
    assert len(pieces) > 1
    assert np.isfinite(np.concatenate(pieces)).all()
    assert len(formats) > 16
    assert set(formats) == {half}
    assert {seen[layer.mlp.c_fc.weight.data_ptr()] for layer in layers} == {1}
    assert not any(seen[weight.data_ptr()] for weight in network.model.hifigan_decoder.parameters())
