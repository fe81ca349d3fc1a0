"""Which weights are drawn with, in which manner, and what is said of those that cannot be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from shared_schema.errors import AvatarError, EngineUnavailable, WeightsError
from shared_schema.weights import RECORD_NAME
from tests.neural.vision import tiny_sdxl
from tests.neural.vision.loras import make_lora
from tests.neural.vision.single_file import make_single_file
from vision_worker.sdxl.checkpoint import USUAL, VARIABLE, Checkpoint, locate

KEYS = (
    "conditioner.embedders.1.model.positional_embedding",
    "model.diffusion_model.input_blocks.0.0.weight",
    "first_stage_model.decoder.conv_in.weight",
)


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture(scope="module")
def single(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_single_file(tmp_path_factory.mktemp("single") / "own.safetensors", base(tiny))


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without weights."""
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "empty"))
    return tmp_path / "empty"


def base(home: Path) -> Path:
    return home / "models" / "sdxl-base"


def refused(given: Path | str, kind: type[AvatarError] = WeightsError) -> AvatarError:
    """The error for a checkpoint, which says in a sentence what is wrong and in another what to do."""
    with pytest.raises(kind) as caught:
        locate(str(given))
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value


def write(path: Path, metadata: dict[str, str] | None = None, keys: tuple[str, ...] = KEYS) -> Path:
    """A file with the names of these tensors, and next to nothing in them."""
    save_file({key: torch.zeros(1) for key in keys}, path, metadata)
    return path


def test_without_a_wish_the_fetched_weights_are_taken(home: Path) -> None:
    found = locate("")
    assert found == Checkpoint(base(home), base(home), fetched=True)
    assert (found.name, found.is_file, found.variant, found.manner) == ("sdxl-base", False, "fp16", USUAL)


def test_the_variable_goes_before_them_and_the_task_before_the_variable(
    home: Path, single: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tiny_sdxl.make(tmp_path / "other", variant=None)
    monkeypatch.setenv(VARIABLE, f" {single} ")
    assert locate("") == Checkpoint(single, base(home))
    assert locate(str(other)) == Checkpoint(other, other)
    monkeypatch.setenv(VARIABLE, " ")
    assert locate("").fetched


def test_a_named_folder_needs_nothing_else(empty: Path, tmp_path: Path) -> None:
    found = locate(str(tiny_sdxl.make(tmp_path / "other.safetensors", variant=None)))
    assert (found.is_file, found.fetched, found.variant) == (False, False, None)
    assert found.name == "other.safetensors"
    assert found.configuration == found.path


def test_a_single_file_takes_its_tokenizers_from_the_fetched_weights(home: Path, single: Path) -> None:
    found = locate(str(single))
    assert found == Checkpoint(single, base(home))
    assert (found.name, found.is_file) == ("own", True)


def test_a_single_file_is_content_with_the_configuration_alone(empty: Path, single: Path) -> None:
    configuration = empty / "models" / "sdxl-configuration"
    tiny_sdxl.write_configs(configuration, tiny_sdxl.TINY)
    refused(single, EngineUnavailable)  # not wholly fetched: its record is missing
    (configuration / RECORD_NAME).write_text("{}")
    assert locate(str(single)).configuration == configuration


def test_a_path_may_begin_at_the_user_s_home(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = write(tmp_path / "own.safetensors")
    assert locate("~/own.safetensors").path == path
    assert "no checkpoint at ~nobody-of-this-name/" in refused("~nobody-of-this-name/own.safetensors").message


def test_without_any_weights_both_ways_to_get_some_are_told(empty: Path) -> None:
    error = refused("", EngineUnavailable)
    assert error.message == "The weights sdxl-base are not on this machine."
    assert "avatar models fetch sdxl-base" in error.hint
    assert "--checkpoint" in error.hint


def test_without_tokenizers_it_is_told_how_to_get_them(empty: Path, single: Path) -> None:
    error = refused(single, EngineUnavailable)
    assert error.message == "own.safetensors needs SDXL's tokenizers, which are not on this machine."
    assert "avatar models fetch sdxl-configuration" in error.hint


def test_what_is_not_there_is_refused(home: Path, tmp_path: Path) -> None:
    error = refused(tmp_path / "none.safetensors")
    assert error.message == f"There is no checkpoint at {tmp_path / 'none.safetensors'}."


def test_pickled_weights_are_refused_with_the_reason(home: Path, tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x04.")
    error = refused(tmp_path / "old.ckpt")
    assert "is not a .safetensors file" in error.message
    assert "can run programs" in error.hint
    folder = Path(shutil.copytree(base(home), tmp_path / "old"))
    (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").rename(
        folder / "unet" / "diffusion_pytorch_model.fp16.bin"
    )
    error = refused(folder)
    assert error.message == f"{folder / 'unet'} holds no .safetensors file."
    assert "can run programs" in error.hint


def test_a_folder_of_another_pipeline_is_refused_by_its_name(home: Path, tmp_path: Path) -> None:
    folder = tiny_sdxl.make_refiner(tmp_path / "refiner")
    assert "is a StableDiffusionXLImg2ImgPipeline, not a StableDiffusionXLPipeline" in refused(folder).message
    (folder / "model_index.json").write_text("[]")
    assert "is a folder of another kind" in refused(folder).message


@pytest.mark.parametrize("name", ["model_index.json", "scheduler/scheduler_config.json"])
@pytest.mark.parametrize("content", [b"{", b"\xff{}", None])
def test_a_configuration_that_is_missing_or_broken_is_named(
    home: Path, name: str, content: bytes | None
) -> None:
    path = base(home) / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        _ = locate(str(base(home))).manner
    says = "is missing." if content is None else "cannot be read: "
    assert caught.value.message.startswith(f"{path} {says}")
    assert caught.value.hint


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a header" * 100)


def _half(path: Path) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:-2])


@pytest.mark.parametrize("spoil", [Path.touch, _garbage, _half])
def test_a_damaged_file_is_refused(home: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "own.safetensors"
    spoil(path)
    error = refused(path)
    assert error.message.startswith(f"{path} cannot be read, is damaged, or is no safetensors file: ")


def _sd15(path: Path, _single: Path) -> None:
    write(path, keys=("cond_stage_model.transformer.text_model.embeddings.position_ids", *KEYS[1:]))


def _lora(path: Path, _single: Path) -> None:
    make_lora(path)


def _unet(path: Path, single: Path) -> None:
    tensors = {key: value for key, value in load_file(single).items() if key.startswith("model.")}
    save_file(tensors, path)


def _no_vae(path: Path, single: Path) -> None:
    tensors = {key: value for key, value in load_file(single).items() if not key.startswith("first_stage")}
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("make", "lacks"),
    [
        (_sd15, "its second text encoder"),
        (_lora, "its second text encoder"),
        (_unet, "its second text encoder"),
        (_no_vae, "its VAE"),
    ],
)
def test_a_file_that_does_not_draw_by_itself_is_refused_with_what_it_lacks(
    home: Path, single: Path, tmp_path: Path, make: Callable[[Path, Path], None], lacks: str
) -> None:
    make(tmp_path / "part.safetensors", single)
    error = refused(tmp_path / "part.safetensors")
    assert error.message.endswith(f"is not a whole SDXL checkpoint: {lacks} is missing.")


def test_one_that_predicts_pictures_is_refused(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "sdxl_lightning_1step_x0.safetensors")
    with pytest.raises(WeightsError, match="predicts pictures, not noise"):
        locate(str(path))
