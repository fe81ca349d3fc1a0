"""Smoothing takes the tremble and leaves the motion; nothing crosses a cut or a gap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_worker.face import Face
from vision_worker.smoothing import smooth

RATE = 25.0
NOISE = 0.003  # widths: about what a mesh trembles from frame to frame


def motion(face: Face, ways: NDArray[np.float64], noise: float = 0.0) -> NDArray[np.float32]:
    """The face moved to the right by these ways (N,), in its own widths: meshes (N, 478, 3)."""
    random = np.random.default_rng(5)
    points = face.points[None] + ways[:, None, None] * np.array([face.width, 0, 0])
    return np.asarray(points + random.normal(0, noise * face.width, points.shape), np.float32)


def smoothed(points: NDArray[np.float32], seen: Any = None, scene: Any = None) -> NDArray[np.float32]:
    count = len(points)
    result = points.copy()
    every = np.ones(count, np.bool_) if seen is None else np.asarray(seen, np.bool_)
    smooth(result, every, np.asarray(np.zeros(count) if scene is None else scene, np.int32), RATE)
    return result


def tremble(points: NDArray[np.float32]) -> float:
    return float(np.diff(points[20:], 2, axis=0).std())


def behind(face: Face, points: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far each frame's points lag behind the true ones, in widths."""
    return np.asarray((points - smoothed(points))[..., 0].mean(axis=1) / face.width)


def test_a_face_at_rest_trembles_a_third_as_much(sample_face: Face) -> None:
    still = motion(sample_face, np.zeros(150), NOISE)
    assert tremble(still) / tremble(smoothed(still)) > 3


@pytest.mark.parametrize("speed", [0.2, 1.0, 4.0])
def test_a_moving_face_is_followed_within_a_hundredth_of_its_width(sample_face: Face, speed: float) -> None:
    lag = behind(sample_face, motion(sample_face, speed * np.arange(100) / RATE))
    assert np.abs(lag).max() < 0.01
    assert np.abs(lag[20:]).max() * RATE / speed < 0.5 or speed < 1  # under half a frame


def test_lips_that_move_three_times_a_second_keep_their_way(sample_face: Face) -> None:
    talk = 0.05 * np.sin(2 * np.pi * 3 * np.arange(150) / RATE)
    points = motion(sample_face, talk)
    kept = smoothed(points)[30:, :, 0].std(axis=0) / points[30:, :, 0].std(axis=0)
    assert kept.min() > 0.95


def test_the_size_of_the_face_does_not_matter(sample_face: Face) -> None:
    points = motion(sample_face, 0.05 * np.sin(np.arange(60)), NOISE)
    assert np.allclose(smoothed(8 * points), 8 * smoothed(points), rtol=1e-4)


@pytest.mark.parametrize("gap", [False, True])
def test_the_first_frame_after_a_cut_or_a_gap_is_left_as_it_was(sample_face: Face, gap: bool) -> None:
    points = motion(sample_face, np.repeat([0.0, 0.02], 15), NOISE)
    seen = np.arange(30) != 14
    scene = np.zeros(30) if gap else np.arange(30) // 15
    result = smoothed(points, seen if gap else None, scene)
    assert np.array_equal(result[15], points[15])
    assert not np.array_equal(result[16], points[16])
    assert np.array_equal(result[15:], smoothed(points[15:]))
    joined = smoothed(points)
    assert not np.array_equal(joined[15], points[15])


def test_frames_without_a_face_stay_as_they_are(sample_face: Face) -> None:
    points = motion(sample_face, np.zeros(9))
    points[[0, 4, 8]] = np.nan
    result = smoothed(points, ~np.isnan(points[:, 0, 0]))
    assert np.array_equal(np.isnan(result), np.isnan(points))
