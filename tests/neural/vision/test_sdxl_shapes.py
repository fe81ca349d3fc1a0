"""Pictures are drawn in the sizes that SDXL was trained on, or those of smaller checkpoints in proportion."""

from __future__ import annotations

from fractions import Fraction

import pytest

from shared_schema.stages import Aspect
from vision_worker.sdxl.shapes import size_of

BUCKETS = {
    Aspect.PHOTO: (1024, 1024),
    Aspect.SQUARE: (1024, 1024),
    Aspect.WIDE: (1344, 768),
    Aspect.TALL: (768, 1344),
}
"""Podell et al. 2023, appendix I."""


@pytest.mark.parametrize("aspect", Aspect)
def test_at_the_usual_side_the_sizes_are_the_published_ones(aspect: Aspect) -> None:
    assert size_of(aspect, 1024) == BUCKETS[aspect]


@pytest.mark.parametrize("native", [128, 256, 384, 512, 768, 1024])
@pytest.mark.parametrize("aspect", Aspect)
def test_at_any_side_the_shape_is_kept_and_the_vae_can_halve_it_thrice(aspect: Aspect, native: int) -> None:
    width, height = size_of(aspect, native)
    assert (width % 8, height % 8) == (0, 0)
    bucket = BUCKETS[aspect]
    assert width / height == pytest.approx(bucket[0] / bucket[1], rel=0.02)
    assert width * height == pytest.approx(native**2, rel=0.03)
    if ":" in aspect:
        wanted = Fraction(*map(int, aspect.split(":")))
        assert width / height == pytest.approx(float(wanted), rel=0.02)


@pytest.mark.parametrize("aspect", Aspect)
def test_a_tiny_side_gives_what_the_vae_can_halve_thrice_too(aspect: Aspect) -> None:
    assert all(side % 8 == 0 and side > 0 for side in size_of(aspect, 64))
