"""What the manifest says of each model can be fetched, and is what a user must know."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest

from orchestrator.environments import ENVIRONMENTS
from orchestrator.models.manifest import Model, known, usual

PICKLED = ("*.pth", "*.pt", "*.ckpt", "pytorch_model*.bin")
MODELS = known()


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_is_told_whole(model: Model) -> None:
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.repository)
    assert model.files
    assert model.engines
    assert model.bytes > 1e6
    assert model.gpu_bytes >= 0
    assert bool(model.terms) == bool(model.alternatives)
    assert set(model.packages) <= set(ENVIRONMENTS)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_no_pickle_stays_one(model: Model) -> None:
    for path, file in model.files.items():
        is_pickled = any(fnmatch(path.rpartition("/")[2], pattern) for pattern in PICKLED)
        assert is_pickled == bool(file.becomes), path
        assert not file.becomes or file.becomes.endswith(".safetensors")
        assert re.fullmatch("([0-9a-f]{64})?", file.sha256)


def test_what_is_fetched_unasked_is_for_engines_that_there_are() -> None:
    assert usual() == ["xtts-v2", "kokoro"]


def test_every_model_of_the_plan_is_there() -> None:
    assert set(MODELS) == {
        "xtts-v2", "kokoro", "bark", "sdxl-base", "sdxl-vae", "musetalk-v15", "musetalk-v1",
        "whisper-tiny", "sd-vae-ft-mse", "wav2lip",
    }  # fmt: skip
