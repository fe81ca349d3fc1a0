"""What the manifest says of each model can be fetched, and is what a user must know."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from orchestrator.environments import ENVIRONMENTS, ROOT
from orchestrator.models.manifest import MANIFEST_NAME, Model, known, named, usual

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
    assert usual() == [
        "xtts-v2", "kokoro", "sdxl-base", "sdxl-vae", "musetalk-v15", "whisper-tiny", "sd-vae-ft-mse",
    ]  # fmt: skip


def test_the_page_s_own_manifest_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/howto/weights.md").read_text()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / MANIFEST_NAME).write_text(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0])
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path))
    assert named("xtts-v2").repository == "me/my-xtts"
    assert list(known()) == list(MODELS)


def test_every_model_of_the_plan_is_there() -> None:
    assert set(MODELS) == {
        "xtts-v2", "kokoro", "bark", "sdxl-base", "sdxl-configuration", "sdxl-refiner", "sdxl-vae",
        "musetalk-v15", "musetalk-v1", "whisper-tiny", "sd-vae-ft-mse", "wav2lip",
    }  # fmt: skip


def test_what_a_single_file_lacks_is_part_of_the_base() -> None:
    base, configuration = MODELS["sdxl-base"], MODELS["sdxl-configuration"]
    assert configuration.revision == base.revision
    assert configuration.files.items() <= base.files.items()
