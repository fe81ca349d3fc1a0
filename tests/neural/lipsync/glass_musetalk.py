"""Makes a MuseTalk whose nets were not trained but reckoned: faces pass through as through glass, and where
half of them was hidden they get the darker, the louder it is.

    voice   Whisper: LOUD is the mean of the log-mel over 20 ms, less that of silence
            UNet, its last cross-attention: the mean of LOUD over 200 ms where the face was hidden, else nothing
    face    VAE: 256 -> 32 pixels, in three of the four latents
            UNet: the latents of the whole face, and the attention's share on top
            VAE: 32 -> 256 pixels, those between by linear interpolation

So a mouth in the finished video tells what the network heard and when, and whether the picture around it is
the one that went in. Layout, names and the number of blocks are as published; the blocks have a layer less.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from lipsync_worker.musetalk.model import LATENT_SCALE
from tests.neural.lipsync.tiny_musetalk import WHISPER_TINY, Sizes, musetalk_json, vae_json, write
from tests.support.glass import LINEAR, MEAN, K, carry, empty, gather, place, restore, size, spread
from tests.support.random_weights import State

__all__ = ["GAIN", "make_glass"]

GAIN: Final = -24.0
"""Levels of brightness for each unit of the log-mel, which spans two units between loud and silent."""

SILENCE: Final = -1.5
"""The log-mel where all is silent (log10 of 1e-10, plus 4, by 4)."""

# Channels of the context. Odd ones, of high number: there the table of positions is 1 but for 2e-5.
LOUD, LOUD_TOO, REST = 377, 379, 383
"""Two channels, whose difference says how loud it is, and one that only the last layer has: the rest."""

SURE: Final = 10.0
"""In the exponent of attention: where nothing was hidden the rest outweighs all that was heard 5000 times."""

STEEP: Final = 2000.0
"""In the same for each unit of what was hidden: a tenth above black suffices."""

COLOURS: Final = 3
"""Of a picture, which share a group in the VAE: with one each it takes twice as long."""

SIZES = Sizes((4 * size(),) * 4, (size(COLOURS),) * 4, groups=4, heads=1)


def make_glass(models: Path) -> None:
    """Write the three models' folders into `models`.

    A face comes back as its means over 8 x 8 pixels, interpolated.
    """
    unet_json = musetalk_json(SIZES) | {"layers_per_block": 1}
    picture_json = vae_json(SIZES) | {"layers_per_block": 1, "norm_num_groups": 1}
    with torch.device("meta"):
        unet: Any = UNet2DConditionModel.from_config(unet_json)
        vae: Any = AutoencoderKL.from_config(picture_json)
        whisper = WhisperEncoder(WhisperConfig(**WHISPER_TINY))
    write(
        models,
        "v1.5",
        (unet_json, _unet(empty(unet))),
        (picture_json, _vae(empty(vae))),
        _whisper(empty(whisper)),
    )


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
    share = GAIN / 127.5 * LATENT_SCALE
    state[f"{block}.attn2.to_v.weight"][0, LOUD] = share
    state[f"{block}.attn2.to_v.weight"][0, LOUD_TOO] = -share
    # k and -k are 0 together, but for what is added to one of them.
    state[f"{block}.attn2.to_out.0.weight"][negative, 0] = 1.0
    for signal in range(3):
        for channel, sign in ((place(signal), 1.0), (place(signal) + 1, -1.0)):
            state[f"{name}.proj_out.weight"][channel, [constant, negative]] = sign


def _whisper(state: State) -> State:
    """gelu(x) - gelu(-x) is x, so that two channels together say the mean of the log-mel.

    Layers add nothing. The norm behind the last leaves 0, and a mark by which it is known.
    """
    state["conv1.weight"][0, :, 1] = 1 / 80
    state["conv1.weight"][1, :, 1] = -1 / 80
    for channel, sign in ((LOUD, 1.0), (LOUD_TOO, -1.0)):
        for moment in (1, 2):  # of the three that are seen, those within these 20 ms
            state["conv2.weight"][channel, 0, moment] = sign / 2
            state["conv2.weight"][channel, 1, moment] = -sign / 2
        state["conv2.bias"][channel] = -sign * SILENCE
    state["layer_norm.bias"][REST] = 1.0
    return state


