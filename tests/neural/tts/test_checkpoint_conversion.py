"""What torch itself saves comes out of the restricted reader bit by bit; what it should not save does not."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from TTS.tts.configs.xtts_config import XttsConfig

from orchestrator.models.convert import to_safetensors
from shared_schema.errors import WeightsError


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    base = torch.randn(6, 8)
    return {
        "float": base,
        "view": base[2:4],
        "column": base[:, 3],
        "transposed": torch.randn(5, 4).t(),
        "tied": base,
        "double": torch.randn(3, dtype=torch.float64),
        "half": torch.randn(3, 3).half(),
        "brain": torch.randn(7).bfloat16(),
        "long": torch.arange(5),
        "int": torch.arange(5, dtype=torch.int32),
        "short": torch.arange(5, dtype=torch.int16),
        "signed": torch.arange(-2, 3, dtype=torch.int8),
        "byte": torch.arange(5, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "channels_last": torch.randn(1, 3, 4, 4).to(memory_format=torch.channels_last),
    }


@pytest.mark.parametrize("new_format", [True, False])
def test_every_type_and_view_comes_out_bit_by_bit(tmp_path: Path, new_format: bool) -> None:
    expected = tensors()
    torch.save(OrderedDict(expected), tmp_path / "model.pth", _use_new_zipfile_serialization=new_format)
    assert to_safetensors(tmp_path / "model.pth", tmp_path / "model.safetensors") == len(expected)
    found = load_file(tmp_path / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor.detach()), name


def test_a_checkpoint_with_a_config_gives_its_tensors(tmp_path: Path) -> None:
    weights = {"gpt.weight": torch.randn(3, 3)}
    torch.save({"model": weights, "config": XttsConfig(), "step": 3}, tmp_path / "model.pth")
    assert to_safetensors(tmp_path / "model.pth", tmp_path / "model.safetensors", under="model") == 1
    assert torch.equal(load_file(tmp_path / "model.safetensors")["gpt.weight"], weights["gpt.weight"])


def test_nested_dictionaries_are_joined_by_slashes(tmp_path: Path) -> None:
    speakers = {
        "Ana Florence": {"gpt_cond_latent": torch.randn(1, 32, 4), "speaker_embedding": torch.ones(1)}
    }
    torch.save(speakers, tmp_path / "speakers.pth")
    to_safetensors(tmp_path / "speakers.pth", tmp_path / "speakers.safetensors")
    found = load_file(tmp_path / "speakers.safetensors")
    assert found.keys() == {"Ana Florence/gpt_cond_latent", "Ana Florence/speaker_embedding"}


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("new_format", [True, False])
def test_a_crafted_checkpoint_is_refused_and_runs_nothing(tmp_path: Path, new_format: bool) -> None:
    trace = tmp_path / "it-ran"
    path = tmp_path / "evil.pth"
    content = {"weight": torch.ones(3), "config": Evil(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(WeightsError):
        to_safetensors(path, tmp_path / "evil.safetensors")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["evil.pth"]
    torch.load(path, weights_only=False)
    assert trace.is_file(), "the checkpoint was not malicious after all"
