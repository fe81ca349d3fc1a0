"""MuseTalk with tiny nets, in the published layout: weights drawn from each tensor's own name.

The golden numbers of the tests were measured with these very weights through the published code.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from lipsync_worker.models import MUSETALK, VAE, WHISPER
from shared_schema.weights import RECORD_NAME, Record
from tests.support.random_weights import State

__all__ = [
    "FULL",
    "LEAST",
    "TINY",
    "WHISPER_TINY",
    "Part",
    "Sizes",
    "make",
    "musetalk_json",
    "nets",
    "vae_json",
    "whisper_json",
    "write",
]

Part = tuple[dict[str, Any], State]
"""A net's configuration and its weights."""


class Sizes(NamedTuple):
    """Channels of UNet and VAE, from the outermost blocks in; groups of the norms, heads of the attention.

    `ears` are the channels within the layers of Whisper, whose other sizes decide what the UNet is given.
    """

    unet: tuple[int, int, int, int]
    vae: tuple[int, int, int, int]
    groups: int = 32
    heads: int = 8
    ears: int = 1536


FULL = Sizes((320, 640, 1280, 1280), (128, 256, 512, 512))
"""The published nets."""

TINY = Sizes((32, 64, 64, 64), (32, 32, 64, 64))
"""Those of the golden numbers."""

LEAST = Sizes((16, 16, 16, 16), (4, 4, 8, 8), 4, 1, 64)
"""Where many frames are made."""

ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
"""How the published VAE's file calls what diffusers calls otherwise today."""


def musetalk_json(sizes: Sizes) -> dict[str, Any]:
    """The content of a `musetalk.json`."""
    crossing = ["CrossAttnDownBlock2D"] * 3
    return {
        "_class_name": "UNet2DConditionModel",
        "_diffusers_version": "0.6.0",
        "act_fn": "silu",
        "attention_head_dim": sizes.heads,
        "block_out_channels": list(sizes.unet),
        "center_input_sample": False,
        "cross_attention_dim": 384,
        "down_block_types": [*crossing, "DownBlock2D"],
        "downsample_padding": 1,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "in_channels": 8,
        "layers_per_block": 2,
        "mid_block_scale_factor": 1,
        "norm_eps": 1e-05,
        "norm_num_groups": sizes.groups,
        "out_channels": 4,
        "sample_size": 64,
        "up_block_types": ["UpBlock2D", *(name.replace("Down", "Up") for name in crossing)],
    }


def vae_json(sizes: Sizes) -> dict[str, Any]:
    """The content of the VAE's `config.json`: it states no scaling factor."""
    return {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": "0.4.2",
        "act_fn": "silu",
        "block_out_channels": list(sizes.vae),
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "in_channels": 3,
        "latent_channels": 4,
        "layers_per_block": 2,
        "norm_num_groups": sizes.groups,
        "out_channels": 3,
        "sample_size": 256,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
    }


WHISPER_TINY = {"d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536}


def whisper_json(sizes: Sizes) -> dict[str, Any]:
    """What of Whisper's `config.json` decides its sizes."""
    return WHISPER_TINY | {"encoder_ffn_dim": sizes.ears}


def nets(sizes: Sizes) -> tuple[Any, Any, Any]:
    """UNet, VAE and Whisper's encoder, without weights of their own ("meta")."""
    with torch.device("meta"):
        return (
            UNet2DConditionModel.from_config(musetalk_json(sizes)),
            AutoencoderKL.from_config(vae_json(sizes)),
            WhisperEncoder(WhisperConfig(**whisper_json(sizes))),
        )


def make(models: Path, version: str = "v1.5", sizes: Sizes = TINY) -> None:
    """Write the three models' folders into `models`."""
    unet, vae, whisper = map(_filled, nets(sizes))
    ears = whisper_json(sizes), whisper
    write(models, version, (musetalk_json(sizes), unet), (vae_json(sizes), vae), ears)


def write(models: Path, version: str, unet: Part, vae: Part, whisper: Part) -> None:
    """Write the folders of nets that have these weights, in the published layout."""
    folder = "musetalkV15" if version == "v1.5" else "musetalk"
    musetalk = models / MUSETALK[version]
    _save(musetalk / folder / "unet.safetensors", unet[1])
    (musetalk / folder / "musetalk.json").write_text(json.dumps(unet[0]))
    _save(models / VAE / "diffusion_pytorch_model.safetensors", _old_names(vae[1]))
    (models / VAE / "config.json").write_text(json.dumps(vae[0]))
    state = {f"model.encoder.{name}": tensor for name, tensor in whisper[1].items()}
    state["model.decoder.embed_tokens.weight"] = torch.zeros(3, 384)  # there, and not for us
    _save(models / WHISPER / "model.safetensors", state)
    WhisperConfig(**whisper[0]).save_pretrained(models / WHISPER)
    WhisperFeatureExtractor().save_pretrained(models / WHISPER)
    for name in (MUSETALK[version], VAE, WHISPER):
        record = Record(name, "0" * 40, "MIT", {})
        (models / name / RECORD_NAME).write_bytes(msgspec.json.encode(record))


def _filled(net: Any) -> State:
    state = {}
    for name, tensor in net.state_dict().items():
        if name == "embed_positions.weight":  # Whisper's own table: it is not learnt
            state[name] = WhisperEncoder(WhisperConfig(**WHISPER_TINY)).embed_positions.weight.detach()
        elif tensor.dim() >= 2:
            drawn = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(tuple(tensor.shape))
            state[name] = torch.from_numpy((drawn / np.sqrt(np.prod(tensor.shape[1:]))).astype(np.float32))
        else:
            state[name] = torch.full(tensor.shape, 1.0 if name.endswith("weight") else 0.0)
    return state


def _old_names(state: State) -> State:
    """The VAE's tensors as its file names them."""
    renamed = {}
    for name, tensor in state.items():
        old = name
        for new, former in ATTENTION.items():
            old = old.replace(f".{new}.", f".{former}.") if ".attentions." in name else old
        renamed[old] = tensor
    return renamed


def _save(path: Path, state: State) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
