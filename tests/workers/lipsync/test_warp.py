"""Fields follow their control points, and undoing a field leads back."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.arrays import floats
from lipsync_worker.warp import Grid, interpolation, sampled, smoothstep


def test_a_grid_stays_within_its_picture() -> None:
    grid = Grid.covering(floats([[-50, 20], [70, 400]]), (100, 90), 4)
    assert (grid.left, grid.top) == (0, 20)
    assert 70 <= grid.width <= 76
    assert 70 <= grid.height <= 74


def test_what_is_upsampled_stands_where_the_grid_says() -> None:
    grid = Grid.covering(floats([[10, 20], [73, 91]]), (200, 200), 4)
    inside = (slice(4, -4), slice(4, -4))
    assert np.allclose(grid.upsample(grid.nodes)[inside], grid.pixels[inside], atol=1e-3)


def test_values_at_control_points_are_kept() -> None:
    controls = floats(np.random.default_rng(1).uniform(-0.5, 0.5, (40, 2)))
    values = floats(np.random.default_rng(2).uniform(-1, 1, (40, 3)))
    assert np.allclose(interpolation(controls, controls) @ values, values, atol=0.02)


def test_a_motion_that_all_points_share_moves_everything_alike() -> None:
    controls = floats(np.random.default_rng(1).uniform(-0.5, 0.5, (40, 2)))
    places = floats(np.random.default_rng(2).uniform(-0.7, 0.7, (100, 2)))
    assert np.allclose(interpolation(places, controls) @ np.full((40, 1), 0.3), 0.3, atol=1e-4)


@pytest.mark.parametrize("strength", [0.3, 1.0, 2.5])
def test_a_field_is_undone_even_where_it_stretches_threefold(strength: float) -> None:
    grid = Grid.covering(floats([[0, 0], [199, 199]]), (200, 200), 4)
    rise = np.clip((grid.nodes[..., 1] - 80) / 20, 0, 1) * 20 * strength
    fall = 1 - smoothstep(grid.nodes[..., 1], 110, 190)
    field = floats(np.stack([np.zeros_like(rise), rise * fall], axis=-1))
    source = grid.invert(field, grid.nodes)
    place = (source - 1.5) / 4
    arrived = source + sampled(field, floats(place))
    inside = np.abs(arrived - grid.nodes)[4:-4, 4:-4]
    assert np.median(inside) < 0.05
    assert inside[:20].max() < 1.0


def test_smoothstep_is_flat_outside_and_half_in_the_middle() -> None:
    assert smoothstep(floats([-9, 2, 3, 4, 9]), 2, 4).tolist() == [0, 0, 0.5, 1, 1]
