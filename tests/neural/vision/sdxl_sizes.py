"""The sizes of SDXL's nets, published and tiny: what differs between them in their configs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.neural.vision import clip_vocabulary

__all__ = ["FULL", "TINY", "TINY_REFINER", "Config", "Sizes"]

Config = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """What each net's config says; `first_special` is where the vocabulary's special tokens begin."""

    unet: Config
    encoder: Config | None
    encoder_2: Config
    vae: Config
    first_special: int


def _unet(kind: str, widths: tuple[int, ...], **others: Any) -> Config:
    """The config of a UNet whose levels have cross-attention ("x") or not ("-")."""
    blocks = [("CrossAttn" if letter == "x" else "") for letter in kind]
    return {
        "block_out_channels": widths,
        "down_block_types": [f"{block}DownBlock2D" for block in blocks],
        "up_block_types": [f"{block}UpBlock2D" for block in reversed(blocks)],
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        **others,
    }


def _encoder(width: int, *, layers: int, heads: int, act: str, words: int, projection: int = 0) -> Config:
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "projection_dim": projection or width,
        "hidden_act": act,
        "vocab_size": words,
    }


def _vae(widths: tuple[int, ...], **others: Any) -> Config:
    return {
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": 2,
        "scaling_factor": 0.13025,
        "force_upcast": True,
        **others,
    }


FULL = Sizes(
    _unet(
        "-xx",
        (320, 640, 1280),
        sample_size=128,
        cross_attention_dim=2048,
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[5, 10, 20],
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    ),
    _encoder(768, layers=12, heads=12, act="quick_gelu", words=49_408),
    _encoder(1280, layers=32, heads=20, act="gelu", words=49_408),
    _vae((128, 256, 512, 512), sample_size=1024),
    49_406,
)
"""The published sizes; 6.9 GB in half precision. With these, every file but weights, words and licence is
byte for byte the published one.
"""

# The encoders' widths must differ: by them diffusers tells whose a single file's tensors are.
TINY = Sizes(
    _unet(
        "-x",
        (32, 64),
        sample_size=32,
        cross_attention_dim=64,
        transformer_layers_per_block=[1, 2],
        attention_head_dim=[2, 4],
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
    ),
    _encoder(24, layers=5, heads=4, act="quick_gelu", words=clip_vocabulary.SIZE),
    _encoder(40, layers=5, heads=4, act="gelu", words=clip_vocabulary.SIZE, projection=32),
    _vae((16, 16, 32, 32), sample_size=256, norm_num_groups=8),
    clip_vocabulary.SIZE - 2,
)
"""Draws 256 x 256 pixels by itself, an eighth of that in latents, as the published one does."""

TINY_REFINER = replace(
    TINY,
    unet=TINY.unet | {"cross_attention_dim": 40, "projection_class_embeddings_input_dim": 72},
    encoder=None,
)
"""One encoder, whose width the UNet attends to; five numbers of size and score instead of six."""
