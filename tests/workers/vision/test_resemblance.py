"""One person is told from another, in whatever light, size and tilt."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.workers.vision.clips import hopper
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels
from vision_worker.resemblance import MIN_RESEMBLANCE, Look, look_of, resemblance


def look(finder: FaceFinder, pixels: Pixels) -> Look:
    (face,) = finder.find(pixels)
    return look_of(pixels, face)


def test_a_look_is_most_like_itself(finder: FaceFinder, pixels: Pixels) -> None:
    assert resemblance(look(finder, pixels), look(finder, pixels)) == pytest.approx(1)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: cv2.resize(picture, None, fx=2, fy=2),
        lambda picture: (picture * 0.4).astype(np.uint8),
        lambda picture: cv2.GaussianBlur(picture, (0, 0), 2.5),
        lambda picture: np.asarray(Image.fromarray(picture).rotate(20)),
        lambda picture: (picture * np.linspace(0.4, 1, picture.shape[1])[None, :, None]).astype(np.uint8),
    ],
)
def test_the_same_person_looks_the_same(
    finder: FaceFinder, pixels: Pixels, change: Callable[[Pixels], Pixels]
) -> None:
    for picture in (pixels, hopper()):
        assert resemblance(look(finder, picture), look(finder, change(picture))) > MIN_RESEMBLANCE + 0.3


def test_another_person_does_not(finder: FaceFinder, pixels: Pixels) -> None:
    one = look(finder, pixels)
    for other in (hopper(), np.ascontiguousarray(hopper()[:, ::-1])):
        assert resemblance(one, look(finder, other)) < MIN_RESEMBLANCE - 0.1


def test_a_plain_picture_resembles_nothing(finder: FaceFinder, pixels: Pixels) -> None:
    (face,) = finder.find(pixels)
    plain = look_of(np.full_like(pixels, 90), face)
    assert resemblance(plain, look_of(pixels, face)) == pytest.approx(0, abs=1e-6)
