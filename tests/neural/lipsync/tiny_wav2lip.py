"""Makes Wav2Lip weights with random numbers, in the two published layouts, and draws with them another way.

`LAYERS` says it all by itself: names, widths and strides, as the authors' code and LiveTalking's have them, a
row for each layer. `drawn` is the reference: it goes through these rows with torch's functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from shared_schema.weights import RECORD_NAME, File, Record

__all__ = ["LAYERS", "SHARE", "Row", "drawn", "inputs", "make", "state"]

SHARE = 8
"""The tiny nets are so many times narrower."""


class Row(NamedTuple):
    """One layer: widths, kernel, stride and padding; whether it adds its input, whether it is transposed."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: tuple[int, int] = (1, 1)
    padding: int = 0
    residual: bool = False
    grows: bool = False

    @property
    def narrow(self) -> Row:
        """The same in a tiny net: channels of sound and pictures stay as many as they are."""
        inputs = self.inputs if self.inputs in {1, 6} else self.inputs // SHARE
        return self._replace(inputs=inputs, outputs=self.outputs // SHARE)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        first, second = (self.inputs, self.outputs) if self.grows else (self.outputs, self.inputs)
        return first, second, self.kernel, self.kernel


def same(name: str, width: int, count: int, first: int = 1) -> Iterator[Row]:
    for number in range(first, first + count):
        yield Row(f"{name}{number}", width, width, 3, padding=1, residual=True)


def encoder_block(number: int, inputs: int, outputs: int, count: int) -> Iterator[Row]:
    yield Row(f"face_encoder_blocks.{number}.0", inputs, outputs, 3, (2, 2), 1)
    yield from same(f"face_encoder_blocks.{number}.", outputs, count)


def decoder_block(number: int, inputs: int, outputs: int, count: int) -> Iterator[Row]:
    yield Row(f"face_decoder_blocks.{number}.0", inputs, outputs, 3, (2, 2), 1, grows=True)
    yield from same(f"face_decoder_blocks.{number}.", outputs, count)


AUDIO = (
    Row("audio_encoder.0", 1, 32, 3, padding=1),
    *same("audio_encoder.", 32, 2),
    Row("audio_encoder.3", 32, 64, 3, (3, 1), 1),
    *same("audio_encoder.", 64, 2, first=4),
    Row("audio_encoder.6", 64, 128, 3, (3, 3), 1),
    *same("audio_encoder.", 128, 2, first=7),
    Row("audio_encoder.9", 128, 256, 3, (3, 2), 1),
    *same("audio_encoder.", 256, 1, first=10),
    Row("audio_encoder.11", 256, 512, 3),
    Row("audio_encoder.12", 512, 512, 1),
)

SEEING = (
    Row("face_encoder_blocks.0.0", 6, 16, 7, padding=3),
    *encoder_block(1, 16, 32, 2),
    *encoder_block(2, 32, 64, 3),
    *encoder_block(3, 64, 128, 2),
    *encoder_block(4, 128, 256, 2),
    *encoder_block(5, 256, 512, 1),
)

LAYERS: dict[int, tuple[Row, ...]] = {
    96: (
        *AUDIO,
        *SEEING,
        Row("face_encoder_blocks.6.0", 512, 512, 3),
        Row("face_encoder_blocks.6.1", 512, 512, 1),
        Row("face_decoder_blocks.0.0", 512, 512, 1),
        Row("face_decoder_blocks.1.0", 1024, 512, 3, grows=True),
        *same("face_decoder_blocks.1.", 512, 1),
        *decoder_block(2, 1024, 512, 2),
        *decoder_block(3, 768, 384, 2),
        *decoder_block(4, 512, 256, 2),
        *decoder_block(5, 320, 128, 2),
        *decoder_block(6, 160, 64, 2),
        Row("output_block.0", 80, 32, 3, padding=1),
    ),
    256: (
        *AUDIO,
        *SEEING,
        *encoder_block(6, 512, 512, 1),
        Row("face_encoder_blocks.7.0", 512, 512, 4),
        Row("face_encoder_blocks.7.1", 512, 512, 1),
        Row("face_decoder_blocks.0.0", 512, 512, 1),
        Row("face_decoder_blocks.1.0", 1024, 512, 4, grows=True),
        *same("face_decoder_blocks.1.", 512, 1),
        *decoder_block(2, 1024, 512, 1),
        *decoder_block(3, 1024, 512, 2),
        *decoder_block(4, 768, 384, 2),
        *decoder_block(5, 512, 256, 2),
        *decoder_block(6, 320, 128, 2),
        *decoder_block(7, 160, 64, 2),
        Row("output_block.0", 80, 32, 3, padding=1),
    ),
}
"""All layers but the last, in the order in which they compute: sound, faces, drawing."""


def state(side: int, *, full: bool = False, device: str = "cpu") -> dict[str, Tensor]:
    """The tensors, the same each time: as training leaves them, so that no layer's result fades away."""
    generator = torch.Generator().manual_seed(side)

    def numbers(*shape: int, around: float = 0.0, spread: float = 0.1) -> Tensor:
        if device == "meta":
            return torch.empty(shape, device=device)
        return around + spread * torch.randn(shape, generator=generator)

    tensors = {}
    for row in LAYERS[side] if full else [row.narrow for row in LAYERS[side]]:
        block, width = f"{row.name}.conv_block", row.outputs
        spread = (2 / (row.inputs * row.kernel**2)) ** 0.5
        tensors[f"{block}.0.weight"] = numbers(*row.shape, spread=spread)
        tensors[f"{block}.0.bias"] = numbers(width)
        tensors[f"{block}.1.weight"] = numbers(width, around=1.0)
        tensors[f"{block}.1.bias"] = numbers(width)
        tensors[f"{block}.1.running_mean"] = numbers(width)
        tensors[f"{block}.1.running_var"] = numbers(width, around=1.0).abs()
        tensors[f"{block}.1.num_batches_tracked"] = torch.tensor(1000, device=device)
    tensors["output_block.1.weight"] = numbers(3, width, 1, 1)
    tensors["output_block.1.bias"] = numbers(3)
    return tensors


def make(folder: Path, side: int = 96, *, full: bool = False) -> Path:
    """Write the weights into `folder`, which must not exist, as `avatar models` installs them."""
    folder.mkdir(parents=True)
    path = folder / "wav2lip_gan.safetensors"
    save_file(state(side, full=full), path, {"format": "pt"})
    files = {path.name: File(path.stat().st_size, "0" * 64)}
    record = Record("wav2lip", "tiny", "research only", files)
    (folder / RECORD_NAME).write_bytes(msgspec.json.encode(record))
    return folder


def inputs(side: int, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Made-up faces (batch, 6, side, side), their first three channels half hidden, and windows."""
    generator = torch.Generator().manual_seed(1)
    faces = torch.rand(batch, 6, side, side, generator=generator)
    faces[:, :3, side // 2 :] = 0
    return faces, 8 * torch.rand(batch, 1, 80, 16, generator=generator) - 4


def drawn(tensors: Mapping[str, Tensor], side: int, faces: Tensor, mel: Tensor) -> Tensor:
    """What the published code draws, layer by layer."""
    result, seen = mel, [faces]
    for block, rows in groupby(LAYERS[side], key=lambda row: row.name.rpartition(".")[0]):
        sees = block.startswith("face_encoder_blocks")
        inner = seen[-1] if sees else result
        for row in rows:
            inner = layer(tensors, row, inner)
        if sees:
            seen.append(inner)
        else:
            result = torch.cat((inner, seen.pop()), 1) if block.startswith("face_decoder_blocks") else inner
    weight, bias = tensors["output_block.1.weight"], tensors["output_block.1.bias"]
    return functional.conv2d(result, weight, bias).sigmoid()


def layer(tensors: Mapping[str, Tensor], row: Row, given: Tensor) -> Tensor:
    weight, bias = (tensors[f"{row.name}.conv_block.0.{name}"] for name in ("weight", "bias"))
    if row.grows:
        outer = row.stride[0] - 1
        result = functional.conv_transpose2d(given, weight, bias, row.stride, row.padding, outer)
    else:
        result = functional.conv2d(given, weight, bias, row.stride, row.padding)
    mean, variance, scale, shift = (
        tensors[f"{row.name}.conv_block.1.{name}"][:, None, None]
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    result = (result - mean) / (variance + 1e-5).sqrt() * scale + shift
    return functional.relu(result + given if row.residual else result)
