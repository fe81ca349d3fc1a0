"""A cut is seen where there is one; motion, light, flashes and somebody passing are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from tests.workers.vision.clips import HEIGHT, WIDTH, background, hopper
from vision_worker.images import Pixels
from vision_worker.scenes import MIN_LIKENESS, likeness, scene_numbers, thumbnail


def wide(photo: Pixels) -> Pixels:
    """The upper part of a photo as a frame."""
    height = round(photo.shape[1] * HEIGHT / WIDTH)
    top = (photo.shape[0] - height) // 5
    return np.asarray(cv2.resize(photo[top : top + height], (WIDTH, HEIGHT)), np.uint8)


def moved(frame: Pixels, x: float = 0.0, zoom: float = 1.0, roll: float = 0.0) -> Pixels:
    """Moved by a share of the width, zoomed, and turned by degrees."""
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), roll, zoom)
    matrix[0, 2] += x * WIDTH
    shown = cv2.warpAffine(frame, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(shown, np.uint8)


def lit(frame: Pixels, gain: float, offset: float = 0.0) -> Pixels:
    return np.clip(frame * gain + offset, 0, 255).astype(np.uint8)


@pytest.fixture(params=["collins", "hopper"])
def frame(request: pytest.FixtureRequest, pixels: Pixels) -> Pixels:
    return wide(pixels if request.param == "collins" else hopper())


def cuts(frames: list[Any]) -> list[int]:
    return [int(place) for place in np.flatnonzero(np.diff(scene_numbers(frames))) + 1]


def test_cuts_are_found_at_their_frames(pixels: Pixels) -> None:
    shots = [wide(pixels), wide(hopper()), background(), np.full((HEIGHT, WIDTH, 3), 20, np.uint8)]
    frames = [shot for shot in shots for _ in range(7)]
    assert scene_numbers(frames).tolist() == [scene for scene in range(4) for _ in range(7)]
    assert scene_numbers(frames).dtype == np.int32


@pytest.mark.parametrize("change", [{"x": 0.1}, {"x": -0.15}, {"zoom": 1.15}, {"roll": 10.0}, {"zoom": 0.85}])
def test_fast_motion_is_no_cut(frame: Pixels, change: dict[str, float]) -> None:
    assert likeness(thumbnail(frame), thumbnail(moved(frame, **change))) > MIN_LIKENESS + 0.1


def test_a_long_pan_ends_far_away_without_a_cut(frame: Pixels) -> None:
    broad = np.concatenate([frame, frame[:, ::-1]], axis=1)
    frames = [broad[:, 50 * step : 50 * step + WIDTH] for step in range(12)]
    assert cuts(frames) == []


@pytest.mark.parametrize(
    "light",
    [
        lambda frame: lit(frame, 0.3),
        lambda frame: lit(frame, 0.4, 190),
        lambda frame: lit(frame, 1.8),
        lambda frame: np.asarray(cv2.blur(frame, (61, 1)), np.uint8),
    ],
)
def test_other_light_and_motion_blur_are_no_cut(frame: Pixels, light: Callable[[Pixels], Pixels]) -> None:
    assert likeness(thumbnail(frame), thumbnail(light(frame))) > MIN_LIKENESS + 0.1


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_to_white_is_no_cut(frame: Pixels, length: int) -> None:
    white = [np.full_like(frame, 255)] * length
    assert cuts([frame] * 6 + white + [frame] * 6) == []


def test_somebody_who_passes_close_to_the_camera_is_no_cut(frame: Pixels) -> None:
    passing = []
    for place in range(-400, WIDTH, 260):
        covered = frame.copy()
        covered[:, max(0, place) : max(0, place + 400)] = (70, 50, 40)
        passing.append(covered)
    assert cuts([frame] * 6 + passing + [frame] * 6) == []


def test_a_cut_out_of_a_flash_is_one_cut(pixels: Pixels) -> None:
    one, other = wide(pixels), wide(hopper())
    assert cuts([one] * 6 + [np.full_like(one, 255)] + [other] * 6) in ([6], [7])


def test_noise_and_plain_frames_are_no_cuts() -> None:
    random = np.random.default_rng(2)
    plain = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    grainy = [np.clip(plain + random.normal(0, 12, plain.shape), 0, 255).astype(np.uint8) for _ in range(9)]
    assert cuts([plain] * 9) == cuts(grainy) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_frames_are_one_scene(frame: Pixels, count: int) -> None:
    assert scene_numbers([frame] * count).tolist() == [0] * count


def test_only_a_few_frames_are_held_at_a_time(frame: Pixels) -> None:
    """Frames are let go of as they are passed: they are written over here."""
    held = frame.copy()

    def passing() -> Any:
        for shot in (frame, background(), frame):
            for _ in range(5):
                held[:] = shot
                yield held

    assert scene_numbers(passing()).tolist() == [0] * 5 + [1] * 5 + [2] * 5
