"""Blinks come every few seconds, shut the eye for a frame at least, and repeat with the seed."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.blink import Blinks


def closures(rate: float, seed: int = 5, seconds: float = 60.0) -> np.ndarray:
    blinks = Blinks(seed, 1 / rate)
    return np.array([blinks.closure((number + 0.5) / rate) for number in range(int(seconds * rate))])


def starts(values: np.ndarray) -> np.ndarray:
    return np.flatnonzero((values[1:] > 0) & (values[:-1] == 0))


@pytest.mark.parametrize("rate", [12.0, 23.976, 25.0, 30.0, 60.0])
def test_every_blink_has_a_frame_with_the_eye_shut(rate: float) -> None:
    values = closures(rate)
    begun = starts(values)
    assert all((values[start : start + int(rate * 0.6) + 2] == 1).any() for start in begun[:-1])


def test_blinks_are_two_to_five_seconds_apart_and_short() -> None:
    values = closures(100.0)
    apart = np.diff(starts(values)) / 100
    assert ((apart > 2.2) & (apart < 5.0)).all()
    assert 10 < len(apart) < 28
    assert (values > 0).mean() < 0.15


def test_the_seed_decides_when() -> None:
    assert np.array_equal(closures(25.0, seed=1), closures(25.0, seed=1))
    assert not np.array_equal(closures(25.0, seed=1), closures(25.0, seed=2))
