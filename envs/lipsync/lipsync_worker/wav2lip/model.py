"""Wav2Lip's generator (Prajwal et al. 2020), made to fit the weights that are there.

    window (1, 80, 16) ──audio_encoder──> (w, 1, 1) ──face_decoder_blocks──> output_block ──> (3, side, side)
                                                        ^ what each block saw, joined to what is drawn
    faces (6, side, side) ──face_encoder_blocks─────────┘

Two layouts are known: the authors' own, of 96 pixels (wav2lip.pth, wav2lip_gan.pth), and that of 256 pixels,
with one block more on either side, which LiveTalking and others use (wav2lip256.pth). Which one it is, and
how wide its layers are, is read from the tensors' names and shapes. Strides and residuals are written in no
file, so any other layout is refused. The published weights, trained on LRS2, are for research, academic and
personal use only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lipsync_worker.wav2lip.mel import BANDS, COLUMNS
from shared_schema.errors import WeightsError

__all__ = ["NAME", "Generator", "Layout", "Network", "build", "load"]

NAME: Final = "wav2lip_gan.safetensors"
REMEDY = "Run `avatar models verify wav2lip`, and fetch it again."

State = Mapping[str, Tensor]

AUDIO: Final = (1, None, None, (3, 1), None, None, 3, None, None, (3, 2), None)
"""Strides of the audio encoder's first 3x3 layers, None for a residual one. One without padding follows, and
one of 1x1."""

COUNTER = ".num_batches_tracked"
"""Of training alone. A file may hold it or not."""


@dataclass(frozen=True)
class Layout:
    """The side of the faces in pixels, and how many layers each block of the encoder and the decoder has.

    The first block of the encoder keeps the side and each other halves it, down to `smallest`; the last one
    covers that, and leaves one pixel. The decoder goes the same way back.
    """

    side: int
    encoder: tuple[int, ...]
    decoder: tuple[int, ...]

    @property
    def smallest(self) -> int:
        """The side before the last block, in pixels."""
        return self.side >> (len(self.encoder) - 2)


LAYOUTS: Final = (
    Layout(96, (1, 3, 4, 3, 3, 2, 2), (1, 2, 3, 3, 3, 3, 3)),
    Layout(256, (1, 3, 4, 3, 3, 2, 2, 2), (1, 2, 2, 3, 3, 3, 3, 3)),
)


class Layer(nn.Module):
    """A convolution and a batch norm; what came in is added if it is `residual`; nothing stays negative."""

    def __init__(self, convolution: nn.Conv2d | nn.ConvTranspose2d, *, residual: bool = False) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels))
        self.residual = residual

    def forward(self, inputs: Tensor) -> Tensor:
        """Of shape (batch, channels, height, width)."""
        outputs: Tensor = self.conv_block(inputs)
        return torch.relu_(outputs + inputs if self.residual else outputs)

    def fuse(self) -> None:
        """Make the batch norm part of the convolution; at once where it is already."""
        convolution, norm = self.conv_block[0], self.conv_block[-1]
        if isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
            transposed = isinstance(convolution, nn.ConvTranspose2d)
            self.conv_block = nn.Sequential(fuse_conv_bn_eval(convolution, norm, transposed)).eval()


class Generator(nn.Module):
    """The network. Its parts have the names that they have in the published files."""

    def __init__(self, layout: Layout, state: State) -> None:
        super().__init__()
        self.face_encoder_blocks = _encoder(layout, state)
        self.audio_encoder = _audio(state)
        self.face_decoder_blocks = _decoder(layout, state)
        colours = nn.Conv2d(_widths(state, "output_block.1")[0], 3, 1)
        self.output_block = nn.Sequential(_layer(state, "output_block.0", 3), colours, nn.Sigmoid())

    def forward(self, mel: Tensor, faces: Tensor) -> Tensor:
        """Windows (batch, 1, 80, 16) and faces (batch, 6, side, side) to faces (batch, 3, side, side)."""
        seen = []
        for block in self.face_encoder_blocks:
            faces = block(faces)
            seen.append(faces)
        drawn: Tensor = self.audio_encoder(mel)
        for block in self.face_decoder_blocks:
            drawn = torch.cat((block(drawn), seen.pop()), 1)
        outputs: Tensor = self.output_block(drawn)
        return outputs


@dataclass(frozen=True)
class Network:
    """A loaded model, and the side in pixels of the faces that it draws: 96 or 256."""

    model: Generator
    side: int

    def render(self, faces: Tensor, mel: Tensor) -> Tensor:
        """Draw faces (batch, 3, side, side) that say what was heard, in BGR from 0 to 1.

        `faces` (batch, 6, side, side) are in BGR from 0 to 1 too: three channels of the face with its lower
        half zero, then three of a face of the same person as it is. `mel` (batch, 1, 80, 16) are `MelEars`'
        windows. Both are where the model is, in its format.
        """
        with torch.inference_mode():
            drawn: Tensor = self.model(mel, faces)
        return drawn

    def fuse(self) -> None:
        """Make the batch norms part of the convolutions, before the weights are packed or moved.

        With random weights of full size that changed no colour by more than 6e-5. On one core of a CPU a
        frame took 2 % less time alone, and in a batch 5 % (96 pixels) to 10 % (256) less.
        """
        for module in self.model.modules():
            if isinstance(module, Layer):
                module.fuse()


def load(folder: Path) -> Network:
    """Read the weights in a folder onto the host: `NAME`, or the one safetensors file that is there.

    WeightsError where there is none, or several, or it is damaged or of an unknown layout.
    """
    path = folder / NAME
    if not path.is_file():
        others = sorted(folder.glob("*.safetensors"))
        if len(others) != 1:
            instead = f", and have {len(others)} other files in its place" if others else ""
            raise WeightsError(f"The Wav2Lip weights in {folder} lack {NAME}{instead}.", REMEDY)
        path = others[0]
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        fault = str(error).rstrip(".")
        raise WeightsError(f"The Wav2Lip weights {path} are damaged: {fault}.", REMEDY) from error
    return build(state, str(path))


def build(state: State, name: str) -> Network:
    """Make the network of its tensors: in float32, where they are, ready to draw.

    Their names may begin with `state_dict.` and `module.`, as training left them. WeightsError, which calls
    them `name`, where the layout is unknown, or a tensor is missing, left over or of another shape.
    """
    plain = _plain(state, name)
    layout = _layout(plain, name)
    try:
        with torch.device("meta"):  # shapes alone: nothing is computed, or filled with numbers first
            model = Generator(layout, plain).eval()
            _require_fit(model.state_dict(), plain, name)
            model(torch.empty(1, 1, BANDS, COLUMNS), torch.empty(1, 6, layout.side, layout.side))
    except KeyError as error:
        raise WeightsError(f"The Wav2Lip weights {name} lack {error.args[0]}.", REMEDY) from error
    except (RuntimeError, ValueError) as error:
        fault = str(error).rstrip(".")
        raise WeightsError(f"The Wav2Lip weights {name} do not fit together: {fault}.", REMEDY) from error
    model.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in plain.items()},
        assign=True,
    )
    return Network(model, layout.side)


def _plain(state: State, name: str) -> State:
    """The tensors by the names that they have in the network."""
    plain: dict[str, Tensor] = {}
    for key, value in state.items():
        short = key.removeprefix("state_dict.").removeprefix("module.")
        if short in plain:
            raise WeightsError(f"The Wav2Lip weights {name} hold {short} twice.", REMEDY)
        plain[short] = value
    return plain


def _layout(state: State, name: str) -> Layout:
    """The layout that has just these blocks."""
    depths = [_depths(state, part) for part in ("face_encoder_blocks", "face_decoder_blocks")]
    for layout in LAYOUTS:
        if [layout.encoder, layout.decoder] == depths:
            return layout
    raise WeightsError(
        f"The Wav2Lip weights {name} are of an unknown layout.",
        "Those of 96 pixels (wav2lip_gan.pth) and of 256 pixels (wav2lip256.pth) are known.",
    )


def _depths(state: State, part: str) -> tuple[int, ...]:
    """How many layers each block has, as far as they are numbered without a gap."""
    depths: list[int] = []
    while _has(state, f"{part}.{len(depths)}.0"):
        depths.append(next(at for at in count(1) if not _has(state, f"{part}.{len(depths)}.{at}")))
    return tuple(depths)


def _has(state: State, name: str) -> bool:
    return f"{name}.conv_block.0.weight" in state


def _require_fit(own: State, given: State, name: str) -> None:
    """WeightsError for the first tensor that is missing, left over or of another shape."""
    for key in sorted({*own, *given}):
        if key not in own:
            fault = f"have no place for {key}"
        elif key not in given and not key.endswith(COUNTER):
            fault = f"lack {key}"
        elif key in given and own[key].shape != given[key].shape:
            fault = f"have {key} of shape {tuple(given[key].shape)}, not {tuple(own[key].shape)}"
        else:
            continue
        raise WeightsError(f"The Wav2Lip weights {name} {fault}.", REMEDY)


def _encoder(layout: Layout, state: State) -> nn.ModuleList:
    blocks = []
    for number, depth in enumerate(layout.encoder):
        first, *others = (f"face_encoder_blocks.{number}.{at}" for at in range(depth))
        if number == 0:
            block = [_layer(state, first, 7)]
        elif number < len(layout.encoder) - 1:
            block = [_layer(state, first, 3, 2), *(_layer(state, name, 3, residual=True) for name in others)]
        else:
            block = [
                _layer(state, first, layout.smallest, padding=0),
                *(_layer(state, name, 1) for name in others),
            ]
        blocks.append(nn.Sequential(*block))
    return nn.ModuleList(blocks)


def _decoder(layout: Layout, state: State) -> nn.ModuleList:
    blocks = [nn.Sequential(_layer(state, "face_decoder_blocks.0.0", 1))]
    for number, depth in enumerate(layout.decoder[1:], 1):
        first, *others = (f"face_decoder_blocks.{number}.{at}" for at in range(depth))
        outputs, inputs = _widths(state, f"{first}.conv_block.0")  # of a transposed one, the other way round
        if number == 1:
            growing = nn.ConvTranspose2d(inputs, outputs, layout.smallest)
        else:
            growing = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)
        blocks.append(
            nn.Sequential(Layer(growing), *(_layer(state, name, 3, residual=True) for name in others))
        )
    return nn.ModuleList(blocks)


def _audio(state: State) -> nn.Sequential:
    layers = [
        _layer(state, f"audio_encoder.{number}", 3, stride or 1, residual=stride is None)
        for number, stride in enumerate(AUDIO)
    ]
    at = len(AUDIO)
    last = [_layer(state, f"audio_encoder.{at}", 3, padding=0), _layer(state, f"audio_encoder.{at + 1}", 1)]
    return nn.Sequential(*layers, *last)


def _layer(
    state: State,
    name: str,
    kernel: int,
    stride: int | tuple[int, int] = 1,
    *,
    padding: int | None = None,
    residual: bool = False,
) -> Layer:
    """The layer of that name, as wide as its tensors. Unless told how, padding keeps the size."""
    inputs, outputs = _widths(state, f"{name}.conv_block.0")
    edge = kernel // 2 if padding is None else padding
    return Layer(nn.Conv2d(inputs, outputs, kernel, stride, edge), residual=residual)


def _widths(state: State, name: str) -> tuple[int, int]:
    """Channels that a convolution takes, and gives."""
    shape = state[f"{name}.weight"].shape
    if len(shape) != 4:
        raise ValueError(f"{name}.weight has {len(shape)} dimensions, not 4")
    return shape[1], shape[0]
