"""XTTS's own loading and generating code, on a tiny checkpoint in the published layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from shared_schema.errors import WeightsError
from tests.neural.tts import tiny_xtts
from tests.neural.tts.conftest import stopping
from tts_worker.engines.xtts import XttsEngine
from tts_worker.xtts.decoder import CONTEXT, HOP, Decoder
from tts_worker.xtts.generation import Settings, codes, text_tokens
from tts_worker.xtts.network import Network, Speaker, load

SENTENCE = "Hello 42, Mr. Smith."

READ = {
    "en": ("Mr. Smith paid $20 for 3.5 kg, 50%.", "mister smith paid twenty dollars for three point five kg"),
    "es": ("El Sr. Gómez pagó 20€, 50%.", "el señor gómez pagó veinte euros"),
    "fr": ("Mme. Moreau a payé 20€, 50%.", "madame moreau a payé vingt euros"),
    "de": ("Dr. Meier zahlte 20€ am 1. Mai.", "doktor meier zahlte zwanzig euro am erste mai"),
    "it": ("Il sig. Rossi ha pagato 20€.", "il signore rossi ha pagato venti euro"),
    "pt": ("O Sr. Silva pagou 20€.", "o senhor silva pagou vinte euros"),
    "pl": ("P. Nowak zapłacił 20€, 50%.", "pani nowak zapłacił dwadzieścia euro"),
    "tr": ("B. Yılmaz 20€ ödedi, 1. kat.", "bay yılmaz yirmi avro ödedi, birinci kat"),
    "ru": ("Г-н Иванов заплатил 20€.", "господин иванов заплатил двадцать евро"),
    "nl": ("Dhr. Jansen betaalde 20€.", "de heer jansen betaalde twintig euro"),
    "cs": ("P. Novák zaplatil 20€, 50%.", "pan novák zaplatil dvacet eur"),
    "ar": ("دفع 20 مقابل 50%.", "دفع عشرون مقابل خمسون في المئة"),
    "zh-cn": ("他付了20元。", "ta1fu4le5er4shi2yuan2"),
    "hu": ("Kovács úr 20€-t fizetett.", "kovács úr húsz euro-t fizetett"),
    "ko": ("그는 20원을 냈다.", "geuneun isib-won"),
    "ja": ("彼は20円で3.5キロ買った、50%。", "kare wa nijuu en de san ten go"),
    "hi": ("उसने 20 रुपये दिए, 50%।", "उसने दो शून्य रुपये दिए, पाँच शून्य प्रतिशत"),
}


@pytest.fixture
def network(engine: XttsEngine) -> Network:
    return engine.network


@pytest.fixture
def speaker(network: Network) -> Speaker:
    return network.speaker(network.speakers[0])


def generated(network: Network, speaker: Speaker, seed: int = 1) -> tuple[list[int], list[torch.Tensor]]:
    torch.manual_seed(seed)
    tokens = text_tokens(network, SENTENCE, "en")
    pairs = list(codes(network, speaker, tokens, Settings.of(network, None)))
    return [code for code, _ in pairs], [latent for _, latent in pairs]


@pytest.mark.parametrize("bias", [-20.0, 3.0])
def test_it_generates_what_the_packages_own_inference_does(
    engine: XttsEngine, network: Network, speaker: Speaker, bias: float
) -> None:
    settings = Settings.of(network, None)
    with stopping(engine, bias):
        _, latents = generated(network, speaker, seed=3)
        torch.manual_seed(3)
        upstream = network.model.inference(
            SENTENCE,
            "en",
            speaker.latents,
            speaker.embedding,
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            repetition_penalty=settings.repetition_penalty,
        )
    own = Decoder(network.model, speaker.embedding).whole(latents)
    assert len(latents) > 1
    assert own.shape == upstream["wav"].shape
    assert np.abs(own - upstream["wav"]).max() < 1e-5


@pytest.mark.parametrize("speed", [0.7, 1.0, 1.5])
@pytest.mark.parametrize("size", [8, 20])
def test_pieces_are_the_samples_of_the_whole_to_the_last(network: Network, size: int, speed: float) -> None:
    latents = list(torch.randn(44, 1, tiny_xtts.WIDTH, generator=torch.Generator().manual_seed(0)))
    decoder = Decoder(network.model, network.speaker(network.speakers[0]).embedding, speed)
    whole = decoder.whole(latents)
    pieces = list(decoder.pieces(iter(latents), size))
    assert len(pieces) > 1
    joined = np.concatenate(pieces)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).max() < 1e-5


def test_a_moment_at_high_speed_is_nothing_to_hear(network: Network, speaker: Speaker) -> None:
    decoder = Decoder(network.model, speaker.embedding, 1.5)
    latent = torch.zeros(1, tiny_xtts.WIDTH)
    assert len(decoder.whole([latent])) == 0
    assert list(decoder.pieces([latent], 1)) == []


def test_the_decoder_looks_no_further_than_its_context(network: Network, speaker: Speaker) -> None:
    decoder = Decoder(network.model, speaker.embedding)
    frames = torch.randn(1, tiny_xtts.WIDTH, 3 * CONTEXT, generator=torch.Generator().manual_seed(0))
    changed = frames.clone()
    changed[..., CONTEXT + CONTEXT // 2] += 1
    with torch.inference_mode():
        before, after = (decoder._window(each, 0, None) for each in (frames, changed))
    moved = np.flatnonzero(before != after) / HOP - CONTEXT - CONTEXT // 2
    assert len(moved)
    assert moved.min() > 1 - CONTEXT
    assert moved.max() < CONTEXT


def test_a_seed_gives_the_same_codes_and_another_gives_others(network: Network, speaker: Speaker) -> None:
    assert generated(network, speaker, 1)[0] == generated(network, speaker, 1)[0]
    assert generated(network, speaker, 1)[0] != generated(network, speaker, 2)[0]


def test_a_low_temperature_leaves_chance_less_room(engine: XttsEngine, network: Network) -> None:
    speaker = network.speaker(network.speakers[0])
    tokens = text_tokens(network, SENTENCE, "en")

    def runs(temperature: float) -> set[tuple[int, ...]]:
        found = set()
        for seed in range(4):
            torch.manual_seed(seed)
            settings = Settings.of(network, temperature)
            found.add(tuple(code for code, _ in codes(network, speaker, tokens, settings)))
        return found

    with stopping(engine, -20.0):
        assert len(runs(0.01)) < len(runs(1.5)) == 4


@pytest.mark.parametrize("language", READ)
def test_numbers_money_and_abbreviations_are_spoken_in_each_language(network: Network, language: str) -> None:
    text, words = READ[language]
    seen: list[str] = []
    tokenizer = network.model.tokenizer
    original = tokenizer.preprocess_text

    def listen(*arguments: Any) -> str:
        seen.append(original(*arguments))
        return str(seen[-1])

    tokenizer.preprocess_text = listen
    try:
        tokens = text_tokens(network, text, language)
    finally:
        del tokenizer.preprocess_text
    assert tokens[0] == tokenizer.tokenizer.token_to_id(f"[{language}]")
    spoken = seen[-1].lower()
    assert "".join(words.split()) in "".join(spoken.split()).replace(" ,", ",")


def damaged(checkpoints: Path, folder: Path, name: str) -> Path:
    """A copy of the checkpoint by links, with one file of its own."""
    folder.mkdir()
    for path in (checkpoints / "models" / "xtts-v2").iterdir():
        if path.name != name:
            (folder / path.name).symlink_to(path)
    return folder


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.safetensors"])
def test_a_missing_file_is_named(checkpoints: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=f"lack {name}"):
        load(damaged(checkpoints, tmp_path / "weights", name))


def test_weights_that_are_cut_short_are_refused(checkpoints: Path, tmp_path: Path) -> None:
    folder = damaged(checkpoints, tmp_path / "weights", "model.safetensors")
    whole = (checkpoints / "models/xtts-v2/model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:100_000])
    with pytest.raises(WeightsError, match="damaged"):
        load(folder)


def test_a_vocabulary_that_is_none_is_refused(checkpoints: Path, tmp_path: Path) -> None:
    folder = damaged(checkpoints, tmp_path / "weights", "vocab.json")
    (folder / "vocab.json").write_text("{}")
    with pytest.raises(WeightsError, match="vocabulary"):
        load(folder)


def test_weights_of_another_size_than_the_config_says_are_refused(checkpoints: Path, tmp_path: Path) -> None:
    folder = damaged(checkpoints, tmp_path / "weights", "config.json")
    config = json.loads((checkpoints / "models/xtts-v2/config.json").read_text())
    config["model_args"]["gpt_layers"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="do not fit"):
        load(folder)


def test_what_trainers_leave_in_a_checkpoint_is_left_out(checkpoints: Path, tmp_path: Path) -> None:
    folder = damaged(checkpoints, tmp_path / "weights", "model.safetensors")
    state = load_file(checkpoints / "models/xtts-v2/model.safetensors")
    trained = {f"xtts.{name}": value for name, value in state.items()}
    trained["xtts.dvae.codebook"] = torch.zeros(3)
    trained["torch_mel_spectrogram_dvae.mel"] = torch.zeros(3)
    save_file(trained, folder / "model.safetensors")
    reloaded = load(folder).model.state_dict()
    assert torch.equal(reloaded["gpt.mel_head.weight"], state["gpt.mel_head.weight"])
