"""A face's quality says how far its points can be trusted."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels


def blurred(pixels: Pixels, share: float, face: Face) -> Pixels:
    """Blurred by a Gaussian whose standard deviation is this share of the face's width."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), share * face.width), np.uint8)


def covered(pixels: Pixels, face: Face, share: float, *, side: bool) -> Pixels:
    """With a grey board before this share of the face, from the right or from below."""
    left, top, right, bottom = map(round, face.box)
    hidden = pixels.copy()
    if side:
        hidden[top - 20 : bottom + 10, round(right - share * (right - left)) : right + 15] = 128
    else:
        hidden[round(bottom - share * (bottom - top)) : bottom + 10, left - 15 : right + 15] = 128
    return hidden


def test_a_sharp_portrait_is_good(sample_face: Face) -> None:
    assert 0.7 < sample_face.quality < 0.95


@pytest.mark.parametrize("share", [0.04, 0.048, 0.052])
def test_blur_lowers_it(finder: FaceFinder, pixels: Pixels, sample_face: Face, share: float) -> None:
    (face,) = finder.find(blurred(pixels, share, sample_face))
    assert face.quality < sample_face.quality - 0.15


@pytest.mark.parametrize(("share", "side"), [(0.4, True), (0.6, False)])
def test_what_is_half_covered_is_doubtful(
    finder: FaceFinder, pixels: Pixels, sample_face: Face, share: float, side: bool
) -> None:
    (face,) = finder.find(covered(pixels, sample_face, share, side=side))
    assert face.quality < 0.5


def test_it_lies_between_0_and_1_and_goes_with_the_face(
    finder: FaceFinder, pixels: Pixels, sample_face: Face
) -> None:
    for share, side in itertools.product((0.2, 0.3, 0.4, 0.5), (True, False)):
        for face in finder.find(covered(pixels, sample_face, share, side=side)):
            assert 0 <= face.quality <= 1
    assert sample_face.moved(2, 10, 10).quality == sample_face.quality
    assert sample_face.inside(200, 200).quality == sample_face.quality
