"""Bark's stages, on a tiny checkpoint in the published layout, beside the package's own pipeline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers.models.bark import BarkModel
from transformers.models.bark.processing_bark import BarkProcessor

from shared_schema.residence import Residence
from tests.neural.tts import tiny_bark
from tests.neural.tts.conftest import ending
from tts_worker.bark import generation, presets
from tts_worker.bark.network import MIN_EOS_P, Network, load
from tts_worker.bark.presets import History
from tts_worker.chunk import Samples
from tts_worker.compat import quiet_codec
from tts_worker.engines.bark import BarkEngine

SENTENCE = "Hello 42, Mr. Smith!"


@pytest.fixture
def network(loaded_bark: BarkEngine) -> Network:
    return loaded_bark.network


@pytest.fixture
def folder(bark_home: Path, tmp_path: Path) -> Path:
    """A copy of the weights, to be damaged."""
    return Path(shutil.copytree(bark_home / "models" / "bark", tmp_path / "weights"))


def tokens_of(network: Network, seed: int, temperature: float | None = None, most: int = 12) -> torch.Tensor:
    torch.manual_seed(seed)
    text = generation.text_tokens(network, SENTENCE)
    return generation.semantics(network, text, None, most, temperature=temperature).tokens


def generated(network: Network, history: History | None, seed: int = 1) -> Samples:
    torch.manual_seed(seed)
    text = generation.text_tokens(network, SENTENCE)
    tokens = generation.semantics(network, text, history, 100).tokens
    return generation.sound(network, generation.codes(network, tokens, history))


@pytest.mark.parametrize("speaker", ["", "v2/en_speaker_6", "v2/zh_speaker_0"])
@pytest.mark.parametrize("end", [20, 1000])
def test_it_generates_what_the_packages_own_pipeline_does_to_the_last_bit(
    loaded_bark: BarkEngine, network: Network, speaker: str, end: int
) -> None:
    with quiet_codec():
        upstream = BarkModel.from_pretrained(network.folder, use_safetensors=True, local_files_only=True)
    index = json.loads((network.folder / "speaker_embeddings_path.json").read_text())
    processor = BarkProcessor(network.tokenizer, index | {"repo_or_path": str(network.folder)})
    inputs = processor(SENTENCE, voice_preset=speaker or None, max_length=network.most_text)
    history = presets.read(network, speaker.removeprefix("v2/")) if speaker else None
    reference = BarkEngine()
    reference._loaded = Network(upstream, None, None, network.folder)
    with ending(loaded_bark, end), ending(reference, end):
        torch.manual_seed(1)
        expected = upstream.generate(
            **inputs,
            semantic_max_new_tokens=100,
            min_eos_p=MIN_EOS_P,
            semantic_pad_token_id=tiny_bark.SEMANTICS,
        )
        found = generated(network, history)
    assert len(found) == expected.shape[1] > 9000
    assert np.array_equal(found, expected[0].numpy())


def test_text_becomes_the_tokens_that_the_packages_processor_makes(network: Network) -> None:
    inputs = BarkProcessor(network.tokenizer)(SENTENCE, max_length=network.most_text)
    tokens = generation.text_tokens(network, SENTENCE)
    assert inputs["input_ids"][inputs["attention_mask"].bool()].tolist() == tokens
    assert len(tokens) == len(SENTENCE.replace(" ", ""))


def test_more_tokens_than_bert_takes_pass_without_a_warning(network: Network) -> None:
    assert len(generation.text_tokens(network, "many words " * 300)) == 9 * 300


def test_a_voice_changes_the_sound(network: Network) -> None:
    sounds = [generated(network, presets.read(network, name)) for name in ("en_speaker_0", "en_speaker_6")]
    sounds.append(generated(network, None))
    assert len({samples.tobytes() for samples in sounds}) == 3


def test_a_seed_gives_the_same_tokens_and_another_gives_others(network: Network) -> None:
    assert torch.equal(tokens_of(network, 1), tokens_of(network, 1))
    assert not torch.equal(tokens_of(network, 1), tokens_of(network, 2))


def test_a_low_temperature_leaves_chance_less_room(network: Network) -> None:
    def runs(temperature: float) -> int:
        return len({tuple(tokens_of(network, seed, temperature).tolist()) for seed in range(4)})

    assert runs(0.01) == 1
    assert runs(1.5) == 4


def test_a_checkpoint_that_does_not_sample_is_sampled_all_the_same(folder: Path) -> None:
    settings = json.loads((folder / "generation_config.json").read_text())
    for stage in ("semantic_config", "coarse_acoustics_config"):
        del settings[stage]["do_sample"]
    (folder / "generation_config.json").write_text(json.dumps(settings))
    network = load(folder)
    assert not torch.equal(tokens_of(network, 1), tokens_of(network, 2))


def test_the_end_is_taken_where_it_is_likely_enough(network: Network) -> None:
    def lean(_module: object, _inputs: object, logits: torch.Tensor) -> None:
        others = logits[..., : tiny_bark.SEMANTICS].logsumexp(-1)
        logits[..., tiny_bark.SEMANTICS] = others + np.log(share / (1 - share))

    ends = {}
    for share in (MIN_EOS_P - 0.02, MIN_EOS_P + 0.02):
        hook = network.model.semantic.lm_head.register_forward_hook(lean)
        ends[share] = {len(tokens_of(network, seed)) for seed in range(4)}
        hook.remove()
    assert ends.pop(MIN_EOS_P + 0.02) == {0}
    assert max(*ends.popitem()[1]) > 0


def test_elsewhere_it_computes_with_the_weights_that_are_there(folder: Path) -> None:
    network = load(folder)
    weights = Residence([network.model])
    history = presets.read(network, "en_speaker_6")
    before = generated(network, history)
    weights.to_device("cpu:0")
    kept = weights._home.clone()
    weights._home.zero_()
    away = generated(network, history)
    weights._home.copy_(kept)
    weights.to_host()
    assert np.array_equal(before, away)
    assert np.array_equal(before, generated(network, history))


def test_weights_are_fixed_before_they_are_moved(network: Network) -> None:
    assert not any(name.endswith(("weight_g", "weight_v")) for name, _ in network.model.named_parameters())
    assert not any(module._forward_pre_hooks for module in network.model.modules())
    assert not network.model.training
