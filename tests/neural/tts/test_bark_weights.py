"""What is wrong with Bark's weights and voices is said in words, and nothing in them can run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from shared_schema.errors import WeightsError
from tests.neural.tts import tiny_bark
from tts_worker.bark import presets
from tts_worker.bark.network import load


@pytest.fixture
def folder(bark_home: Path, tmp_path: Path) -> Path:
    """A copy of the weights, to be damaged."""
    return Path(shutil.copytree(bark_home / "models" / "bark", tmp_path / "weights"))


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"]
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=f"lack {name}") as caught:
        load(folder)
    assert caught.value.hint == "Run `avatar models verify bark`, and fetch it again."


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "are damaged"),
        ("generation_config.json", r"generation_config\.json .* is damaged"),
        ("model.safetensors", "are damaged"),
        ("tokenizer.json", "vocabulary .* is damaged"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"{}", b'{"semantic_config', b"[1]", bytes(range(256))])
def test_a_file_that_is_none_is_refused(folder: Path, name: str, words: str, content: bytes) -> None:
    if (name, content) == ("config.json", b"{}"):
        words = "do not fit"
    (folder / name).write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        load(folder)


def test_weights_that_are_cut_short_are_refused(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    for size in (len(whole) - 1, 100_000, 1000):
        (folder / "model.safetensors").write_bytes(whole[:size])
        with pytest.raises(WeightsError, match="are damaged"):
            load(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_layers": 3}, "is missing"),
        ({"num_layers": 1}, "has no place"),
        ({"hidden_size": 64}, "size mismatch"),
    ],
)
def test_weights_of_another_size_than_the_config_says_are_refused(
    folder: Path, change: dict[str, int], words: str
) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["semantic_config"] |= change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=f"do not fit their config.json: .*{words}"):
        load(folder)


def test_a_missing_tensor_is_named_and_not_made_up(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["coarse_acoustics.lm_head.weight"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match=r"coarse_acoustics\.lm_head\.weight is missing"):
        load(folder)


def test_masks_may_be_stored_or_not(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    whole = load(folder).model.semantic.layers[1].attn.bias
    state["fine_acoustics.layers.1.attn.bias"] = state.pop("semantic.layers.1.attn.bias")
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    assert torch.equal(load(folder).model.semantic.layers[1].attn.bias, whole)


def test_a_vocabulary_larger_than_the_nets_room_is_refused(folder: Path) -> None:
    settings = json.loads((folder / "generation_config.json").read_text())
    settings["semantic_config"]["text_pad_token"] -= 20
    (folder / "generation_config.json").write_text(json.dumps(settings))
    with pytest.raises(WeightsError, match="too large"):
        load(folder)


def test_the_converters_file_has_tied_tensors_under_both_names(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    for head in range(7):
        embedding = state[f"fine_acoustics.input_embeds_layers.{head + 1}.weight"]
        assert torch.equal(state[f"fine_acoustics.lm_heads.{head}.weight"], embedding)


Write = Callable[[Path], None]


def numbers(array: Any) -> Write:
    return lambda path: np.save(path, np.asarray(array), allow_pickle=False)


@pytest.mark.parametrize(
    ("part", "write", "words"),
    [
        ("semantic", numbers([[1, 2, 3]]), r"holds int64 \(1, 3\), not whole numbers \('n',\)"),
        ("semantic", numbers(3), "not whole numbers"),
        ("semantic", numbers(np.zeros(0, int)), "not whole numbers"),
        ("semantic", numbers([1.0, 2.0]), "holds float64"),
        ("semantic", numbers([3, tiny_bark.SEMANTICS]), "beyond its"),
        ("coarse", numbers([[1, 2], [3, -1]]), "beyond its"),
        ("coarse", numbers([[1, 2]] * 3), r"not whole numbers \(2, 'n'\)"),
        ("fine", numbers([[1, 2]] * 2), r"not whole numbers \(8, 'n'\)"),
        ("fine", numbers([[1, tiny_bark.CODES]] * 8), "beyond its"),
        ("fine", lambda path: path.write_bytes(path.read_bytes()[:-8]), "fine_prompt.npy"),
        ("fine", lambda path: path.write_bytes(b""), "fine_prompt.npy"),
        ("coarse", lambda path: path.unlink(), "coarse_prompt.npy"),
    ],
)
def test_a_voice_that_is_damaged_is_refused(folder: Path, part: str, write: Write, words: str) -> None:
    write(folder / f"speaker_embeddings/v2/en_speaker_6_{part}_prompt.npy")
    network = load(folder)
    with pytest.raises(WeightsError, match=f"speaker en_speaker_6 is damaged: .*{words}"):
        presets.read(network, "en_speaker_6")


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def test_a_voice_with_pickled_objects_is_refused_and_runs_nothing(folder: Path, tmp_path: Path) -> None:
    trace, path = tmp_path / "it-ran", folder / "speaker_embeddings/v2/en_speaker_6_fine_prompt.npy"
    np.save(path, np.array([Evil(trace)], object), allow_pickle=True)
    network = load(folder)
    with pytest.raises(WeightsError, match=r"en_speaker_6 is damaged: .*[Oo]bject arrays"):
        presets.read(network, "en_speaker_6")
    assert not trace.exists()
    np.load(path, allow_pickle=True)
    assert trace.is_file(), "the file was not malicious after all"


def test_a_pickled_checkpoint_beside_the_weights_is_never_read(folder: Path, tmp_path: Path) -> None:
    torch.save({"weight": Evil(tmp_path / "it-ran")}, folder / "pytorch_model.bin")
    load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"lack model\.safetensors"):
        load(folder)
    assert not (tmp_path / "it-ran").exists()
