"""Writes a diffusers directory's weights as one file, in the names in which SDXL was first published.

diffusers reads such files by a mapping of names (its `loaders/single_file_utils.py`); this is the inverse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests.support.random_weights import State

__all__ = ["make_single_file", "original_unet_name"]

_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_PARTS = {
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "downsamplers.0": "downsample",
    "upsamplers.0": "upsample",
    ".resnets.": ".block.",
}
_OPEN_CLIP = {
    "text_model.embeddings.token_embedding": "token_embedding",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm": "ln_final",
    "text_model.encoder.layers.": "transformer.resblocks.",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def make_single_file(path: Path, source: Path) -> Path:
    """Write the weights of the diffusers directory `source` into `path`, in the original names."""
    unet, vae = _read(source / "unet"), _read(source / "vae")
    layers = 1 + max(
        int(found[1]) for found in map(re.compile(r"down_blocks\.0\.resnets\.(\d+)").match, unet) if found
    )
    state = {
        f"model.diffusion_model.{original_unet_name(name, layers)}": value for name, value in unet.items()
    }
    state |= {f"first_stage_model.{name}": value for name, value in _original_vae(vae)}
    first, second = _read(source / "text_encoder"), _read(source / "text_encoder_2")
    state |= {f"conditioner.embedders.0.transformer.{name}": value for name, value in first.items()}
    state |= {f"conditioner.embedders.1.model.{name}": value for name, value in _open_clip(second)}
    # What the published file has besides, and nobody needs.
    state["conditioner.embedders.0.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    state["conditioner.embedders.1.model.logit_scale"] = torch.tensor(4.6)
    state["denoiser.sigmas"] = torch.linspace(0.03, 14.6, 1000)
    save_file({name: value.contiguous() for name, value in state.items()}, path, {"format": "pt"})
    return path


def original_unet_name(name: str, layers: int) -> str:
    """The original name of a tensor or module of an SDXL UNet with so many resnets a level."""
    for ours, theirs in _UNET_ENDS.items():
        if name == ours or name.startswith(f"{ours}."):
            return theirs + name.removeprefix(ours)
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)", name):
        block = f"middle_block.{1 if found[1] == 'attentions' else 2 * int(found[2])}"
    elif found := re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)", name):
        block = _original_block(found[1], int(found[2]), found[3], int(found[4]), layers)
    else:
        raise ValueError(f"An SDXL UNet has no {name}.")
    rest = name[found.end() :]
    if found[0].endswith("samplers.0"):
        return block + rest.removeprefix(".conv")
    if "resnets" in found[0]:
        for ours, theirs in _UNET_RESNET.items():
            rest = rest.replace(f".{ours}", f".{theirs}")
    return block + rest


def _original_block(way: str, level: int, kind: str, number: int, layers: int) -> str:
    """Levels are counted through, and what changes the size counts as a layer, or belongs to the last one."""
    first = level * (layers + 1)
    place = {"resnets": 0, "attentions": 1}
    if way == "down":
        return (
            f"input_blocks.{1 + first + layers}.0.op"
            if kind == "downsamplers"
            else f"input_blocks.{1 + first + number}.{place[kind]}"
        )
    # Of SDXL's levels, those that become larger have attention, which comes before.
    return (
        f"output_blocks.{first + layers}.2.conv"
        if kind == "upsamplers"
        else f"output_blocks.{first + number}.{place[kind]}"
    )


def _original_vae(state: State) -> Iterator[tuple[str, torch.Tensor]]:
    """Levels of the decoder are counted from the last one; attention is by convolutions of one pixel."""
    last = max(int(name.split(".")[2]) for name in state if "up_blocks" in name)
    for name, value in state.items():
        new = re.sub(r"down_blocks\.(\d)", r"down.\1", name)
        new = re.sub(r"up_blocks\.(\d)", lambda found: f"up.{last - int(found[1])}", new)
        for ours, theirs in _VAE_PARTS.items():
            new = new.replace(ours, theirs)
        is_map = "attentions" in name and value.dim() > 1
        yield new, value[:, :, None, None] if is_map else value


def _open_clip(state: State) -> Iterator[tuple[str, torch.Tensor]]:
    """OpenCLIP's names, and one tensor for queries, keys and values; the projection is turned."""
    for name, value in state.items():
        if name == "text_projection.weight":
            yield "text_projection", value.T
        elif found := re.match(r"(.+)\.self_attn\.([qkv])_proj\.(\w+)", name):
            if found[2] == "q":
                parts = [state[f"{found[1]}.self_attn.{part}_proj.{found[3]}"] for part in "qkv"]
                layer = found[1].replace("text_model.encoder.layers.", "transformer.resblocks.")
                yield f"{layer}.attn.in_proj_{found[3]}", torch.cat(parts)
        else:
            new = name
            for ours, theirs in _OPEN_CLIP.items():
                new = new.replace(ours, theirs)
            yield new, value


def _read(folder: Path) -> State:
    """The tensors of the one file of weights in a folder."""
    (path,) = folder.glob("*.safetensors")
    state: State = load_file(path)
    return state
