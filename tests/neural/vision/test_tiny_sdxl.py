"""The made-up checkpoints are in the published layouts: the libraries' own loaders read each tensor."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    EulerAncestralDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from orchestrator.models.manifest import named
from shared_schema.weights import RECORD_NAME, find, read_record
from tests.neural.vision import clip_vocabulary, tiny_sdxl
from tests.neural.vision.glass import make_glass
from tests.neural.vision.loras import make_foreign_lora, make_lora, make_no_lora
from tests.neural.vision.single_file import make_single_file
from tests.support.random_weights import fill, stored_name
from vision_worker.faces import FaceFinder
from vision_worker.samples import PORTRAIT

NETS = ("unet", "vae", "text_encoder", "text_encoder_2")
WEIGHTS = ("model.fp16.safetensors", "diffusion_pytorch_model.fp16.safetensors")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_sdxl.make(tmp_path_factory.mktemp("home") / "models" / "sdxl-base")


@pytest.fixture(scope="module")
def glass(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return make_glass(tmp_path_factory.mktemp("glass") / "sdxl-base")


def opened(folder: Path, kind: Any = StableDiffusionXLPipeline, variant: str | None = "fp16") -> Any:
    """A directory as diffusers loads it, in full precision."""
    pipe = kind.from_pretrained(
        folder, variant=variant, local_files_only=True, dtype=torch.float32, add_watermarker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def drawn(pipe: Any, **options: Any) -> NDArray[np.float32]:
    generator = torch.Generator().manual_seed(0)
    picture = pipe("a face", num_inference_steps=4, generator=generator, output_type="np", **options).images[
        0
    ]
    return np.asarray(picture)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {
        RECORD_NAME
    }


def test_the_files_are_those_that_avatar_models_fetches(base: Path, tmp_path: Path) -> None:
    assert names(base) == set(named("sdxl-base").files)
    assert names(tiny_sdxl.make_vae_fix(tmp_path / "vae")) == set(named("sdxl-vae").files)


def test_in_the_published_sizes_every_config_is_the_published_one(tmp_path: Path) -> None:
    tiny_sdxl.write_configs(tmp_path / "full", tiny_sdxl.FULL)
    published = named("sdxl-base").files
    other = {
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "tokenizer_2/vocab.json",
        "tokenizer_2/merges.txt",
    }
    same = names(tmp_path / "full") - other
    assert len(same) == 10
    for name in same:
        assert digest(tmp_path / "full" / name) == published[name].sha256, name


def test_the_published_sizes_have_the_published_numbers_of_parameters() -> None:
    nets = tiny_sdxl.blank(tiny_sdxl.FULL)
    assert {part: sum(value.numel() for value in net.parameters()) for part, net in nets.items()} == {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    }


def test_weights_of_the_published_sizes_are_files_of_the_published_lengths() -> None:
    lengths = {
        "unet": 5_135_149_760,
        "vae": 167_335_342,
        "text_encoder": 246_144_152,
        "text_encoder_2": 1_389_382_176,
    }
    for part, net in tiny_sdxl.blank(tiny_sdxl.FULL).items():
        assert safetensors_length(part, net.state_dict()) == lengths[part], part


def safetensors_length(part: str, state: dict[str, torch.Tensor]) -> int:
    """Bytes of a file of these tensors in half precision: eight of a length, the header, the numbers."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in sorted(state):
        begin, end = end, end + 2 * state[name].numel()
        shown = stored_name(name) if part.startswith("text") else name
        header[shown] = {"dtype": "F16", "shape": list(state[name].shape), "data_offsets": [begin, end]}
    length = len(json.dumps(header, separators=(",", ":")))
    return 8 + length + -length % 8 + end


def test_the_record_says_what_is_there(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_HOME", str(base.parents[1]))
    assert find("sdxl-base") == base
    files = read_record(base).files
    assert set(files) == names(base)
    for name, file in files.items():
        assert (file.size, file.sha256) == ((base / name).stat().st_size, digest(base / name))


def test_the_same_seed_gives_the_same_files_and_another_one_others(base: Path, tmp_path: Path) -> None:
    again, other = tiny_sdxl.make(tmp_path / "again"), tiny_sdxl.make(tmp_path / "other", seed=1)
    for name in names(base):
        assert digest(again / name) == digest(base / name)
        assert (digest(other / name) == digest(base / name)) == (Path(name).name not in WEIGHTS), name


def test_every_stored_tensor_arrives_in_the_nets(base: Path) -> None:
    pipe = opened(base)
    for part in NETS:
        (path,) = (base / part).glob("*.safetensors")
        state = getattr(pipe, part).state_dict()
        loaded = {
            stored_name(name) if part.startswith("text") else name: value for name, value in state.items()
        }
        assert_same(loaded, {name: value.float() for name, value in load_file(path).items()})


def test_without_a_variant_the_same_values_are_stored_in_full_precision(base: Path, tmp_path: Path) -> None:
    full = opened(tiny_sdxl.make(tmp_path / "full", variant=None), variant=None)
    for part in NETS:
        assert_same(getattr(full, part).state_dict(), getattr(opened(base), part).state_dict())


def test_the_tokenizers_know_every_byte_and_pad_as_sdxl_does(base: Path, tmp_path: Path) -> None:
    begin, end = clip_vocabulary.SIZE - 2, clip_vocabulary.SIZE - 1
    for name, pad in (("tokenizer", end), ("tokenizer_2", 0)):
        tokenizer = CLIPTokenizer.from_pretrained(base / name, local_files_only=True)
        ids = tokenizer("Hi, ü!", padding="max_length").input_ids
        assert (ids[0], ids.index(end), len(ids), ids[-1]) == (begin, 7, 77, pad)
        assert begin not in ids[1:]
        assert end not in ids[1:7]
    tiny_sdxl.write_configs(tmp_path / "full", tiny_sdxl.FULL)
    full = CLIPTokenizer.from_pretrained(tmp_path / "full" / "tokenizer", local_files_only=True)
    assert (full.bos_token_id, full.eos_token_id) == (49_406, 49_407)
    assert full("Hi").input_ids[1:-1] == tokenizer("Hi").input_ids[1:-1]


def test_a_single_file_gives_the_same_nets_as_the_directory(base: Path, tmp_path: Path) -> None:
    path = make_single_file(tmp_path / "sdxl.safetensors", base)
    single = StableDiffusionXLPipeline.from_single_file(
        str(path), config=str(base), local_files_only=True, dtype=torch.float32, add_watermarker=False
    )
    for part in NETS:
        assert_same(getattr(single, part).state_dict(), getattr(opened(base), part).state_dict())


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_a_turbo_has_its_own_scheduler_and_side(tmp_path: Path) -> None:
    pipe = opened(tiny_sdxl.make_turbo(tmp_path / "turbo"))
    assert isinstance(pipe.scheduler, EulerAncestralDiscreteScheduler)
    assert pipe.scheduler.config.timestep_spacing == "trailing"
    assert drawn(pipe, guidance_scale=0.0).shape == (128, 128, 3)


def test_another_scheduler_may_be_named(tmp_path: Path) -> None:
    pipe = opened(tiny_sdxl.make(tmp_path / "lightning", scheduler=tiny_sdxl.TRAILING))
    pipe.scheduler.set_timesteps(4)
    assert pipe.scheduler.timesteps.tolist() == [999.0, 749.0, 499.0, 249.0]


def test_the_refiner_works_on_the_bases_latents(base: Path, tmp_path: Path) -> None:
    latents = opened(base)("a face", num_inference_steps=2, output_type="latent").images
    refiner = opened(tiny_sdxl.make_refiner(tmp_path / "refiner"), StableDiffusionXLImg2ImgPipeline)
    assert refiner.text_encoder is None
    assert refiner.tokenizer is None
    assert refiner.config.requires_aesthetics_score
    assert drawn(refiner, image=latents, strength=0.5).shape == (256, 256, 3)
    assert not (tmp_path / "refiner" / "text_encoder").exists()


def test_the_vae_alone_fits_the_base_and_stays_in_half_precision(base: Path, tmp_path: Path) -> None:
    folder = tiny_sdxl.make_vae_fix(tmp_path / "vae")
    vae = AutoencoderKL.from_pretrained(folder, local_files_only=True)
    assert not vae.config.force_upcast
    assert vae.state_dict().keys() == opened(base).vae.state_dict().keys()
    assert vae.decode(torch.zeros(1, 4, 8, 8)).sample.shape == (1, 3, 64, 64)


@pytest.mark.parametrize(("style", "parts"), [("diffusers", ["unet"]), ("kohya", [*NETS[:1], *NETS[2:]])])
def test_a_lora_changes_the_picture_until_it_is_taken_off(
    base: Path, tmp_path: Path, style: Any, parts: list[str]
) -> None:
    pipe = opened(base)
    before = drawn(pipe)
    path = make_lora(tmp_path / "lora.safetensors", style=style)
    pipe.load_lora_weights(tmp_path, weight_name=path.name, adapter_name="ours", local_files_only=True)
    assert pipe.get_list_adapters() == {part: ["ours"] for part in parts}
    placed = [name for part in parts for name in getattr(pipe, part).state_dict() if ".lora_B." in name]
    assert len(placed) == sum(name.endswith("up.weight") for name in load_file(path))
    assert np.abs(drawn(pipe) - before).mean() > 0.05
    pipe.unload_lora_weights()
    assert np.array_equal(drawn(pipe), before)


@pytest.mark.parametrize(
    ("write", "words"), [(make_foreign_lora, "not found in the base model"), (make_no_lora, "Invalid LoRA")]
)
def test_another_nets_lora_and_what_is_none_are_refused(
    base: Path, tmp_path: Path, write: Callable[[Path], Path], words: str
) -> None:
    path = write(tmp_path / "lora.safetensors")
    with pytest.raises(ValueError, match=words):
        opened(base).load_lora_weights(tmp_path, weight_name=path.name, local_files_only=True)


def test_full_size_layers_keep_their_signals_size_in_half_precision() -> None:
    state = fill({"proj.weight": torch.empty(64, 5120, device="meta"), "norm.weight": torch.empty(99)}, 0)
    assert state["proj.weight"].dtype == torch.float16
    assert (torch.randn(500, 5120) @ state["proj.weight"].float().T).std() == pytest.approx(1.0, abs=0.05)
    assert state["norm.weight"].mean() == pytest.approx(1.0, abs=0.05)


def test_glass_gives_a_picture_back_with_its_own_colours(glass: Path) -> None:
    pixels = np.asarray(portrait())
    vae = opened(glass).vae
    with torch.no_grad():
        latents = vae.encode(
            torch.tensor(pixels / 127.5 - 1.0).permute(2, 0, 1)[None].float()
        ).latent_dist.mode()
        back = vae.decode(latents).sample[0].permute(1, 2, 0).numpy()
    blurred = np.asarray(
        portrait().resize((128, 128), Image.Resampling.BOX).resize((256, 256), Image.Resampling.BILINEAR)
    )
    assert np.abs(back - (blurred / 127.5 - 1.0))[1:-1, 1:-1].max() < 0.02


@pytest.mark.parametrize(("strength", "found"), [(0.2, 1), (1.0, 0)])
def test_a_face_is_found_in_glass_with_little_noise_and_not_with_much(
    glass: Path, strength: float, found: int
) -> None:
    pipe = opened(glass, StableDiffusionXLImg2ImgPipeline)
    generator = torch.Generator().manual_seed(0)
    picture = pipe(
        "a face", image=portrait(), strength=strength, num_inference_steps=12, generator=generator
    ).images[0]
    finder = FaceFinder()
    assert len(finder.find(np.asarray(picture))) == found
    finder.close()


def portrait() -> Image.Image:
    """Head and shoulders of the sample, 256 x 256: a face 75 pixels wide."""
    with Image.open(PORTRAIT) as picture:
        cut = picture.convert("RGB").crop((100, 20, 412, 332))
    return cut.resize((256, 256), Image.Resampling.LANCZOS)
