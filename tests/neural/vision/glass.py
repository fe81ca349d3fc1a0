"""Makes an SDXL checkpoint whose nets were not trained but reckoned: pictures pass through as through glass.

Its VAE gives back what it is given. Its UNet takes for noise what is finer than a few pixels. So a drawing
that starts from a photo with little noise on it is that photo, softer, in which a face is found; one that
starts from noise stays blotches.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tests.neural.vision.tiny_sdxl import TINY, Sizes, blank, write_folder
from tests.support.glass import LINEAR, MEAN, carry, empty, gather, size, spread
from tests.support.random_weights import State, fill

__all__ = ["glass_sizes", "make_glass"]

_SCALE = 3.0
"""Latents for a pixel's value (-1 to 1): with more, the same strength puts less noise on a picture."""


def make_glass(folder: Path, *, variant: str | None = "fp16", native: int = 256, **options: Any) -> Path:
    """Write the checkpoint into `folder`, which must not exist. It draws `native` pixels by itself.

    From the sample portrait at 256 pixels, in 12 steps at four seeds, MediaPipe found a face of 75 pixels up
    to a strength of 0.4 and not from 0.5 on, one of 46 pixels up to 0.3 and not from 0.4 on.
    """
    sizes = glass_sizes(native)
    nets = blank(sizes)
    states = {
        part: fill(nets[part].state_dict(), number)
        for number, part in enumerate(("text_encoder", "text_encoder_2"))
    }
    states["vae"] = _vae(empty(nets["vae"]))
    states["unet"] = _unet(empty(nets["unet"]))
    states = {
        part: {key: value.half() if variant == "fp16" else value.float() for key, value in state.items()}
        for part, state in states.items()
    }
    return write_folder(folder, sizes, states, variant=variant, **options)


def glass_sizes(native: int) -> Sizes:
    """Latents of half the side, and a UNet that sees them at a whole, a half and a quarter of theirs."""
    widths = (4 * size(),) * 3
    unet = TINY.unet | {
        "sample_size": native // 2,
        "block_out_channels": widths,
        "down_block_types": ["DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"],
        "layers_per_block": 1,
        "transformer_layers_per_block": [1, 1, 1],
        "attention_head_dim": [2, 2, 2],
        "norm_num_groups": 4,
    }
    vae = TINY.vae | {
        "block_out_channels": (3 * size(),) * 2,
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "layers_per_block": 1,
        "norm_num_groups": 3,
        "sample_size": native,
        "scaling_factor": _SCALE,
    }
    return replace(TINY, unet=unet, vae=vae)


def _vae(state: State) -> State:
    """Means of 2 x 2 pixels as the first three latents, and pixels between them by linear interpolation."""
    spread(state, "encoder.conv_in", torch.eye(3))
    carry(state, "encoder.down_blocks.0.downsamplers.0.conv", MEAN)
    gather(state, "encoder", 3)
    # Of the variance's logarithm: the latents are these, and no others near them.
    state["encoder.conv_out.bias"][4:] = -30.0
    for name in ("quant_conv", "post_quant_conv"):
        state[f"{name}.weight"][:, :, 0, 0] = torch.eye(len(state[f"{name}.weight"]))
    spread(state, "decoder.conv_in", torch.eye(3, 4))
    carry(state, "decoder.up_blocks.0.upsamplers.0.conv", LINEAR)
    gather(state, "decoder", 3)
    return state


def _unet(state: State) -> State:
    """What differs from the picture seen at a quarter of its size."""
    spread(state, "conv_in", torch.eye(4))
    for level in range(2):
        carry(state, f"down_blocks.{level}.downsamplers.0.conv", LINEAR)
        carry(state, f"up_blocks.{level}.upsamplers.0.conv", LINEAR)
    width = 4 * size()
    for level in range(3):
        for resnet in range(
            2
        ):  # where what comes from below meets what was on the way down: the former alone
            state[f"up_blocks.{level}.resnets.{resnet}.conv_shortcut.weight"][:, :width, 0, 0] = torch.eye(
                width
            )
    last = state["up_blocks.2.resnets.1.conv_shortcut.weight"]
    for channel in range(width):
        if channel % size() < 2:
            last[channel, channel] = -1.0
            last[channel, channel + width] = 1.0
    gather(state, "", 4)
    return state
