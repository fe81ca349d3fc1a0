"""A frame becomes pixels: cut, scaled, and softly continued beyond the picture's edge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vision_worker.canvas import paint
from vision_worker.framing import Frame
from vision_worker.images import Pixels


def likeness(one: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio in dB."""
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))


def test_a_frame_of_the_same_size_is_cut_out_unchanged(pixels: Pixels) -> None:
    assert np.array_equal(paint(pixels, Frame(100, 50, 200, 100, 200, 100)), pixels[50:150, 100:300])


@pytest.mark.parametrize("size", [(100, 50), (400, 200), (512, 256)])
def test_a_scaled_frame_shows_the_same(pixels: Pixels, size: tuple[int, int]) -> None:
    shown = paint(pixels, Frame(100, 50, 200, 100, *size))
    assert shown.shape == (size[1], size[0], 3)
    mean = pixels[50:150, 100:300].mean(axis=(0, 1))
    assert np.abs(shown.mean(axis=(0, 1)) - mean).max() < 1


@pytest.mark.parametrize(("small", "gain"), [(160, 1.0), (120, 0.2)])
def test_enlarging_brings_back_more_than_lanczos_alone(pixels: Pixels, small: int, gain: float) -> None:
    """The head, 240 pixels high, made small and enlarged again by 1.5 and by 2; `gain` in dB."""
    original = pixels[10:250, 100:340]
    reduced = np.asarray(cv2.resize(original, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
    plain = np.asarray(cv2.resize(reduced, (240, 240), interpolation=cv2.INTER_LANCZOS4), np.uint8)
    shown = paint(reduced, Frame(0, 0, small, small, 240, 240))
    assert likeness(shown, original) > likeness(plain, original) + gain


def test_fine_stripes_do_not_turn_into_coarse_ones() -> None:
    stripes = np.zeros((900, 900, 3), np.uint8)
    stripes[:, ::2] = 255
    shown = paint(stripes, Frame(0, 0, 900, 900, 128, 128))
    assert np.abs(shown.astype(int) - 127).max() < 20


def test_beyond_the_edge_the_picture_goes_on_without_a_line(pixels: Pixels) -> None:
    shown = paint(pixels, Frame(-100, -60, 712, 600, 712, 600))
    assert np.array_equal(shown[60:572, 100:612], pixels)
    steps = np.abs(np.diff(shown[60:572].astype(int), axis=1)).mean(axis=(0, 2))
    assert steps[99] < 2 * steps[100:110].max()
    assert steps[:60].mean() < 0.5 * steps[100:611].mean()


def test_a_frame_much_larger_than_the_picture_is_filled(pixels: Pixels) -> None:
    small = pixels[100:164, 100:164]
    shown = paint(small, Frame(-300, -200, 664, 464, 664, 464))
    assert np.array_equal(shown[200:264, 300:364], small)
    assert shown.min() >= small.min() - 1
