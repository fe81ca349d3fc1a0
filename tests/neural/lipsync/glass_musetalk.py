"""Makes a MuseTalk whose nets were not trained but reckoned: faces pass through as through glass, and where
half of them was hidden they get the darker, the louder it is.

    voice   Whisper: LOUD is the mean of the log-mel over 20 ms, as far as it is above a threshold
            UNet, its last cross-attention: the mean of LOUD over 200 ms, where the face was hidden
    face    VAE: 256 -> 32 pixels, in three of the four latents
            UNet: the latents of the whole face, and the attention's share on top
            VAE: 32 -> 256 pixels, those between by linear interpolation

So a mouth in the finished video tells what the network heard and when, and whether the picture around it is
the one that went in. Layout, names and the number of blocks are as published; the blocks have a layer less,
and Whisper is narrow within.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.musetalk.model import LATENT_SCALE
from tests.neural.lipsync.tiny_musetalk import WHISPER_TINY, Sizes, musetalk_json, vae_json, write
from tests.support.glass import LINEAR, MEAN, K, carry, empty, gather, place, restore, size, spread
from tests.support.random_weights import State

__all__ = ["EARLIEST", "LATEST", "LOUD", "REACH", "SHARP", "burst", "make_glass"]

GAIN: Final = -40.0
"""Levels of brightness for each unit of the log-mel, which spans two; voices take the upper one."""

THRESHOLD: Final = -0.5
"""The log-mel below which it counts as silent. Whisper hears nothing two units below the loudest, which
beside the tests' voice is -0.8.
"""

SHARP: Final = 8.0
"""With this times as much gelu passes for what it nearly is: nothing below 0, all above."""

# Channels of the context. Odd ones, of high number: there the table of positions is 1 but for 2e-5.
LOUD, NOTHING, REST = 377, 379, 383
"""How loud it is; always 0; and 1 in the last layer alone: the rest."""

SURE: Final = 10.0
"""In the exponent of attention: where nothing was hidden the rest outweighs all that was heard 5000 times."""

STEEP: Final = 2000.0
"""In the same for each unit of what was hidden: a tenth above black suffices."""

EARLIEST, LATEST, REACH = -0.08, 0.10, 0.045
"""A frame surely hears a burst whose middle is between the first two, in seconds from its beginning: 200 ms
less the one feature of 20 ms by which they may lie otherwise. It surely does not beyond a feature, half the
burst, and half of the 25 ms that Whisper looks at.
"""

COLOURS: Final = 3
"""Of a picture. They share a group in the VAE: with one for each a face takes 160 ms instead of 40."""

SIZES = Sizes((4 * size(),) * 4, (size(COLOURS),) * 4, groups=4, heads=1)


def make_glass(models: Path) -> None:
    """Write the three models' folders into `models`.

    A face comes back as its means over 8 x 8 pixels, interpolated.
    """
    unet_json = musetalk_json(SIZES) | {"layers_per_block": 1}
    picture_json = vae_json(SIZES) | {"layers_per_block": 1, "norm_num_groups": 1}
    whisper_json = WHISPER_TINY | {"encoder_ffn_dim": 8}
    with torch.device("meta"):
        unet: Any = UNet2DConditionModel.from_config(unet_json)
        vae: Any = AutoencoderKL.from_config(picture_json)
        whisper = WhisperEncoder(WhisperConfig(**whisper_json))
    write(
        models,
        "v1.5",
        (unet_json, _unet(empty(unet))),
        (picture_json, _vae(empty(vae))),
        (whisper_json, _whisper(empty(whisper))),
    )


def burst(seconds: float, at: float) -> Floats:
    """Silence with 20 ms of noise in it, their middle at so many seconds; 16 kHz."""
    sound = np.zeros(round(seconds * 16_000))
    start = round((at - 0.01) * 16_000)
    sound[start : start + 320] = np.random.default_rng(2).uniform(-0.5, 0.5, 320)
    return floats(sound)


def _vae(state: State) -> State:
    """Means of 8 x 8 pixels as the first three latents, and pixels between them."""
    spread(state, "encoder.conv_in", torch.eye(COLOURS), COLOURS)
    spread(state, "decoder.conv_in", torch.eye(COLOURS, 4), COLOURS)
    for block in range(3):
        carry(state, f"encoder.down_blocks.{block}.downsamplers.0.conv", MEAN, COLOURS)
        carry(state, f"decoder.up_blocks.{block}.upsamplers.0.conv", LINEAR, COLOURS)
    for part in ("encoder", "decoder"):
        gather(state, part, COLOURS, COLOURS)
    # Of the variance's logarithm: latents that are drawn, as published, are these too.
    state["encoder.conv_out.bias"][4:] = -30.0
    for name in ("quant_conv", "post_quant_conv"):
        state[f"{name}.weight"][:, :, 0, 0] = torch.eye(len(state[f"{name}.weight"]))
    return state


def _unet(state: State) -> State:
    """The latents of the whole face (4 to 6); what sets them apart from those of the half hidden one (0 to 2)
    says where to add what was heard.
    """
    hidden, whole = slice(0, 3), slice(4, 7)
    signals = torch.zeros(4, 8)
    signals[:3, whole] = torch.eye(3)
    signals[3, whole], signals[3, hidden] = 1 / 3, -1 / 3
    spread(state, "conv_in", signals)
    # Where what comes from below meets what `conv_in` made: the latter alone.
    width = 4 * size()
    state["up_blocks.3.resnets.1.conv_shortcut.weight"][:, width:, 0, 0] = torch.eye(width)
    _listen(state, "up_blocks.3.attentions.1")
    gather(state, "", COLOURS)
    return state


def _listen(state: State, name: str) -> None:
    """A transformer that adds what was heard to the first three signals, where the fourth is not 0."""
    block = f"{name}.transformer_blocks.0"
    difference, constant, negative = (place(3) + number for number in (0, 2, 3))
    restore(state, f"{name}.norm")
    state[f"{name}.proj_in.weight"][:, :, 0, 0] = torch.eye(4 * size())
    restore(state, f"{block}.norm2")
    heads = 4.0  # attention divides by the square root of a head's 16 channels
    state[f"{block}.attn2.to_q.weight"][0, difference] = -heads * STEEP
    state[f"{block}.attn2.to_q.weight"][0, constant] = heads * SURE / K
    state[f"{block}.attn2.to_k.weight"][0, REST] = 1.0
    share = GAIN / 127.5 * LATENT_SCALE / SHARP
    state[f"{block}.attn2.to_v.weight"][0, LOUD] = share
    state[f"{block}.attn2.to_v.weight"][0, NOTHING] = -share
    # k and -k are 0 together, but for what is added to one of them.
    state[f"{block}.attn2.to_out.0.weight"][negative, 0] = 1.0
    for signal in range(3):
        for channel, sign in ((place(signal), 1.0), (place(signal) + 1, -1.0)):
            state[f"{name}.proj_out.weight"][channel, [constant, negative]] = sign


def _whisper(state: State) -> State:
    """A channel says how loud it is. Layers add nothing; the norm behind the last leaves a mark alone."""
    for channel, sign in ((0, 1.0), (1, -1.0)):  # gelu(x) - gelu(-x) is x
        state["conv1.weight"][channel, :, 1] = sign / 80
        state["conv2.weight"][LOUD, channel, 1:] = sign * SHARP / 2  # of three moments those in these 20 ms
    state["conv2.bias"][LOUD] = -SHARP * THRESHOLD
    state["layer_norm.bias"][REST] = 1.0
    return state
