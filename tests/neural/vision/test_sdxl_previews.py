"""Previews are small JPEGs in about the colours that the picture will have."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vision_worker.images import Pixels
from vision_worker.sdxl.previews import preview


def latents(*values: float, height: int = 16, width: int = 16) -> torch.Tensor:
    return torch.tensor(values)[None, :, None, None].expand(1, 4, height, width)


def shown(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
        return np.asarray(image)


def test_a_preview_has_a_pixel_for_each_latent() -> None:
    assert shown(preview(latents(0, 0, 0, 0, height=16, width=28))).shape == (16, 28, 3)


def test_a_preview_of_full_size_is_a_few_kilobytes() -> None:
    noise = torch.randn(1, 4, 128, 128, generator=torch.Generator().manual_seed(0))
    assert len(preview(noise)) < 16_000


@pytest.mark.parametrize(
    ("values", "colour"),
    [
        # Computed by hand from the published weights and biases.
        ((0, 0, 0, 0), (150, 140, 130)),
        ((1, 0, 0, 0), (210, 200, 190)),
        ((0, 1, 0, 0), (90, 135, 140)),
        ((0, 0, 1, 0), (175, 155, 125)),
        ((0, 0, 0, 1), (80, 90, 95)),
        ((0.5, -0.5, 1, -0.5), (150 + 30 + 30 + 25 + 35, 140 + 30 + 2.5 + 15 + 25, 130 + 30 - 5 - 5 + 17.5)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_colours_are_those_of_the_published_guess(
    values: tuple[float, ...], colour: tuple[float, ...], dtype: torch.dtype
) -> None:
    pixels = shown(preview(latents(*values).to(dtype)))
    assert np.abs(pixels - np.clip(colour, 0, 255)).max() <= 3  # what JPEG and rounding leave


def test_values_beyond_white_and_black_are_white_and_black() -> None:
    assert shown(preview(latents(10, 0, 0, 0))).min() == 255
    assert shown(preview(latents(-10, 0, 0, 0))).max() == 0


def test_the_picture_is_neither_turned_nor_mirrored() -> None:
    one = latents(-2, 0, 0, 0).clone()
    one[0, 0, :8, 8:] = 2
    pixels = shown(preview(one)).mean(axis=2)
    assert pixels[:8, 8:].mean() > 240
    assert max(pixels[:8, :8].mean(), pixels[8:].mean()) < 60


def test_of_several_latents_the_first_is_shown() -> None:
    both = torch.cat([latents(10, 0, 0, 0), latents(-10, 0, 0, 0)])
    assert shown(preview(both)).min() == 255
