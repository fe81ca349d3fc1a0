"""Makes SDXL checkpoints with random weights, in the layouts in which they are published.

Of the published sizes, or tiny ones: 5 MB, with which a picture of four steps takes a third of a second.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from shared_schema.weights import RECORD_NAME, File, Record
from tests.neural.vision import clip_vocabulary
from tests.neural.vision.sdxl_sizes import FULL, TINY, TINY_REFINER, Config, Sizes
from tests.support.random_weights import State, fill, stored_name

__all__ = [
    "FULL",
    "SCHEDULER",
    "TINY",
    "TINY_REFINER",
    "TRAILING",
    "Sizes",
    "blank",
    "make",
    "make_refiner",
    "make_turbo",
    "make_vae_fix",
    "write_configs",
    "write_folder",
]

SCHEDULER: Config = {
    "_class_name": "EulerDiscreteScheduler",
    "_diffusers_version": "0.19.0.dev0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "sample_max_value": 1.0,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
    "use_karras_sigmas": False,
}
"""As the published base has it, with settings of other schedulers among them."""

TRAILING: Config = SCHEDULER | {"timestep_spacing": "trailing"}
"""What the few-step derivatives (Lightning) want."""

_TURBO: Config = TRAILING | {"_class_name": "EulerAncestralDiscreteScheduler"}


def make(
    folder: Path,
    *,
    variant: str | None = "fp16",
    sizes: Sizes = TINY,
    scheduler: Mapping[str, Any] = SCHEDULER,
    name: str = "sdxl-base",
    seed: int = 0,
    device: str = "cpu",
) -> Path:
    """Write the checkpoint into `folder`, which must not exist; same weights from the same seed and device.

    In half precision where the variant is "fp16", else the same values in full. `device` is what draws them.
    """
    states = {
        part: fill(net.state_dict(), 4 * seed + number, half=variant == "fp16", device=device)
        for number, (part, net) in enumerate(blank(sizes).items())
    }
    return write_folder(folder, sizes, states, variant=variant, scheduler=scheduler, name=name)


def make_turbo(folder: Path, **options: Any) -> Path:
    """The same as a Turbo is published: another scheduler, and a UNet for pictures of half the side."""
    unet = TINY.unet | {"sample_size": TINY.unet["sample_size"] // 2}
    return make(folder, sizes=replace(TINY, unet=unet), scheduler=_TURBO, name="sdxl-turbo", **options)


def make_refiner(folder: Path, **options: Any) -> Path:
    """The refiner of the tiny base, which shares its VAE's shapes: one encoder, and scores for beauty."""
    return make(folder, sizes=TINY_REFINER, name="sdxl-refiner", **options)


def make_vae_fix(folder: Path, *, sizes: Sizes = TINY, seed: int = 1) -> Path:
    """A VAE alone that says it stays finite in half precision; stored in full precision, as published."""
    _write_sorted(folder / "config.json", _vae_config(sizes.vae | {"force_upcast": False}))
    state = fill(blank(sizes)["vae"].state_dict(), seed, half=False)
    save_file(state, folder / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    return _record(folder, "sdxl-vae", "MIT")


def blank(sizes: Sizes) -> dict[str, torch.nn.Module]:
    """The nets by the names of their folders, with shapes and no memory ("meta")."""
    with torch.device("meta"):
        nets: dict[str, torch.nn.Module] = {
            "unet": UNet2DConditionModel(**sizes.unet),
            "vae": AutoencoderKL(**sizes.vae),
            "text_encoder_2": CLIPTextModelWithProjection(CLIPTextConfig(**_clip(sizes.encoder_2))),
        }
        if sizes.encoder is not None:
            nets["text_encoder"] = CLIPTextModel(CLIPTextConfig(**_clip(sizes.encoder)))
    return nets


def write_folder(
    folder: Path,
    sizes: Sizes,
    states: Mapping[str, State],
    *,
    variant: str | None = "fp16",
    scheduler: Mapping[str, Any] = SCHEDULER,
    name: str = "sdxl-base",
) -> Path:
    """Write nets of these sizes and weights as a diffusers directory, and the record of `avatar models`."""
    write_configs(folder, sizes, scheduler)
    ending = f"{variant}.safetensors" if variant else "safetensors"
    for part, state in states.items():
        if part.startswith("text_encoder"):
            stored = {stored_name(key): value for key, value in state.items()}
            save_file(stored, folder / part / f"model.{ending}", {"format": "pt"})
        else:
            save_file(state, folder / part / f"diffusion_pytorch_model.{ending}", {"format": "pt"})
    return _record(folder, name, "OpenRAIL++-M")


def write_configs(folder: Path, sizes: Sizes, scheduler: Mapping[str, Any] = SCHEDULER) -> None:
    """All files of a diffusers directory but the weights, into `folder`, which must not exist."""
    folder.mkdir(parents=True)
    _write_json(folder / "model_index.json", _index(sizes, scheduler))
    _write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    _write_sorted(folder / "unet" / "config.json", _unet_config(sizes.unet))
    _write_sorted(folder / "vae" / "config.json", _vae_config(sizes.vae))
    if sizes.encoder is not None:
        _write_sorted(folder / "text_encoder" / "config.json", _clip(sizes.encoder))
        clip_vocabulary.write(folder / "tokenizer", clip_vocabulary.END, sizes.first_special)
    second = _clip(sizes.encoder_2, "CLIPTextModelWithProjection")
    _write_sorted(folder / "text_encoder_2" / "config.json", second)
    clip_vocabulary.write(folder / "tokenizer_2", "!", sizes.first_special)


def _record(folder: Path, name: str, licence: str) -> Path:
    """Write a licence's file and what `avatar models` says of a folder, as its last step; the folder."""
    if name != "sdxl-vae":
        (folder / "LICENSE.md").write_text("Random numbers, free for any use.\n")
    files = {
        path.relative_to(folder).as_posix(): File(path.stat().st_size, _digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    (folder / RECORD_NAME).write_bytes(msgspec.json.encode(Record(name, "tiny", licence, files)))
    return folder


def _clip(config: Config, net: str = "CLIPTextModel") -> Config:
    """All of a text encoder's config. Its ids of special tokens are not the vocabulary's, as published."""
    return {
        "architectures": [net],
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "dropout": 0.0,
        "eos_token_id": 2,
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "intermediate_size": 4 * config["hidden_size"],
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": 77,
        "model_type": "clip_text_model",
        "pad_token_id": 1,
        "torch_dtype": "float16",
        "transformers_version": "4.32.0.dev0",
        **config,
    }


def _index(sizes: Sizes, scheduler: Mapping[str, Any]) -> Config:
    """The pipeline's parts; the base's classes, or the refiner's where there is no first encoder."""
    first = sizes.encoder is not None
    index: Config = {
        "_class_name": "StableDiffusionXLPipeline" if first else "StableDiffusionXLImg2ImgPipeline",
        "_diffusers_version": "0.19.0.dev0",
        "force_zeros_for_empty_prompt": first,
        "add_watermarker": None,
        "scheduler": ["diffusers", scheduler["_class_name"]],
        "text_encoder": ["transformers", "CLIPTextModel"] if first else [None, None],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": ["transformers", "CLIPTokenizer"] if first else [None, None],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    return index if first else index | {"requires_aesthetics_score": True}


def _unet_config(config: Config) -> Config:
    """All of a UNet's config but what was not thought of when SDXL was published."""
    with torch.device("meta"):
        whole = dict(UNet2DConditionModel(**config).config)
    for name in ("attention_type", "dropout", "reverse_transformer_layers_per_block", "_use_default_values"):
        del whole[name]
    named = {
        "_class_name": "UNet2DConditionModel",
        "_diffusers_version": "0.19.0.dev0",
        "upcast_attention": None,
    }
    return whole | named


def _vae_config(config: Config) -> Config:
    """All of a VAE's config."""
    return {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": "0.20.0.dev0",
        "_name_or_path": "../sdxl-vae/",
        "act_fn": "silu",
        "in_channels": 3,
        "latent_channels": 4,
        "norm_num_groups": 32,
        "out_channels": 3,
        **config,
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def _write_sorted(path: Path, content: Mapping[str, Any]) -> None:
    _write_json(path, dict(sorted(content.items())))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
