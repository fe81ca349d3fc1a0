"""Writes LoRAs of random weights for the tiny SDXL, in the two layouts in which most are published.

diffusers' training scripts name the UNet's modules as diffusers does; kohya's as SDXL was first published,
with underscores for dots, and both text encoders' as transformers does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file

from tests.neural.vision.single_file import original_unet_name
from tests.neural.vision.tiny_sdxl import TINY, Sizes, blank
from tests.support.random_weights import State, stored_name

__all__ = ["make_foreign_lora", "make_lora", "make_no_lora"]

_UNET_ENDS = ("to_q", "to_k", "to_v", "to_out.0")
_ENCODER_ENDS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")

Style = Literal["diffusers", "kohya"]


def make_lora(
    path: Path,
    *,
    style: Style = "diffusers",
    rank: int = 4,
    scale: float = 1.0,
    sizes: Sizes = TINY,
    seed: int = 0,
) -> Path:
    """A LoRA for nets of these sizes in `path`; what it adds is `scale` times as large as their weights.

    For the attention of the UNet, and in kohya's style for both text encoders too.
    """
    generator = torch.Generator().manual_seed(seed)
    state: State = {}
    for name, (inputs, outputs) in _modules(sizes, style):
        down = torch.randn(rank, inputs, generator=generator) / math.sqrt(inputs)
        up = torch.randn(outputs, rank, generator=generator) * scale / math.sqrt(rank)
        if style == "kohya":
            # Kohya's files say a strength, which is divided by the rank.
            pair = {"lora_down.weight": down, "lora_up.weight": 2 * up, "alpha": torch.tensor(rank / 2)}
        else:
            pair = {"lora.down.weight": down, "lora.up.weight": up}
        state |= {f"{name}.{end}": value.half() for end, value in pair.items()}
    save_file(state, path, {"format": "pt"})
    return path


def make_foreign_lora(path: Path) -> Path:
    """Write a LoRA for another net: an SD 1.5 has attention where SDXL has none, and wider."""
    state = {}
    for part in ("to_q", "to_k", "to_v", "to_out_0"):
        name = f"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_{part}"
        state[f"{name}.lora_down.weight"] = torch.ones(4, 320)
        state[f"{name}.lora_up.weight"] = torch.ones(320, 4)
        state[f"{name}.alpha"] = torch.tensor(4.0)
    save_file(state, path, {"format": "pt"})
    return path


def make_no_lora(path: Path) -> Path:
    """Write tensors that are no LoRA's."""
    save_file({"model.weight": torch.ones(4, 4)}, path, {"format": "pt"})
    return path


def _modules(sizes: Sizes, style: Style) -> Iterator[tuple[str, tuple[int, int]]]:
    """Names in a file of this style of the modules that are changed, with numbers of inputs and outputs."""
    nets = blank(sizes)
    for name, module in nets["unet"].named_modules():
        if name.endswith(_UNET_ENDS):
            shape = (module.in_features, module.out_features)
            original = original_unet_name(name, 2).replace(".", "_")
            yield (f"lora_unet_{original}" if style == "kohya" else f"unet.{name}"), shape
    if style == "diffusers":
        return
    for part, prefix in (("text_encoder", "lora_te1_"), ("text_encoder_2", "lora_te2_")):
        for name, module in nets[part].named_modules():
            if name.endswith(_ENCODER_ENDS):
                yield prefix + stored_name(name).replace(".", "_"), (module.in_features, module.out_features)
