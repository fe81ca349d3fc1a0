"""The sizes that SDXL draws well: those of about a megapixel that it was trained on."""

from __future__ import annotations

from typing import Final

from shared_schema.stages import Aspect

__all__ = ["size_of"]

# Podell et al. 2023, "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", appendix
# I: the buckets nearest to each shape, for a native side of 1024.
_NATIVE: Final = 1024
_SIZES: Final = {
    Aspect.PHOTO: (1024, 1024),
    Aspect.SQUARE: (1024, 1024),
    Aspect.WIDE: (1344, 768),
    Aspect.TALL: (768, 1344),
}
_STEP: Final = 64
"""Their sides are multiples of this."""


def size_of(aspect: Aspect, native_side: int) -> tuple[int, int]:
    """Width and height in pixels to draw for a shape, by a checkpoint with this native side."""
    step = max(8, _STEP * native_side // _NATIVE)
    width, height = (round(side * native_side / _NATIVE / step) * step for side in _SIZES[aspect])
    return width, height
