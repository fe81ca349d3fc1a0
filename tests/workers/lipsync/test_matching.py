"""A tint or softness of the whole face is undone; what only the mouth does is left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.face_box import Box, musetalk_box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.matching import Matcher

BOX = Box(0, 0, 220, 270)


@pytest.fixture(scope="module")
def original(frame: FaceFrame, photo: Picture) -> Picture:
    """The sample's face as a network is shown it, 256 x 256."""
    face = musetalk_box(frame.points, (512, 512), "v1.5").of(photo)
    return picture(cv2.resize(face, (256, 256), interpolation=cv2.INTER_LANCZOS4))


def sized(face: Picture, box: Box = BOX) -> Picture:
    return picture(cv2.resize(face, (box.width, box.height)))


def tinted(face: Picture, gain: float = 0.9, offset: tuple[float, float, float] = (8, -3, 5)) -> Picture:
    return np.clip(np.rint(face * np.float32(gain) + np.array(offset, np.float32)), 0, 255).astype(np.uint8)


def error(first: Picture, second: Picture) -> float:
    """Mean difference of the lower half, levels."""
    half = len(first) // 2
    return float(np.abs(first[half:].astype(int) - second[half:]).mean())


def detail(face: Picture, *, below: bool = True) -> float:
    """How much fine detail the lower half has, or the upper."""
    half = len(face) // 2
    grey = np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), np.float32)
    grey = grey[half:] if below else grey[:half]
    return float(np.sqrt(np.square(grey - cv2.GaussianBlur(grey, (0, 0), 1)).mean()))


def test_a_face_that_came_back_as_it_was_is_left_as_it_is(original: Picture) -> None:
    for box in (BOX, Box(3, 5, 95, 125), Box(0, 0, 400, 480)):
        face = Matcher(sharpen=0).face(original, original, box, scene=0)
        assert np.abs(face.astype(int) - sized(original, box)).max() <= 1


def test_a_tint_is_undone(original: Picture) -> None:
    generated = tinted(original)
    assert error(sized(generated), sized(original)) > 7
    assert error(Matcher(sharpen=0).face(generated, original, BOX, scene=0), sized(original)) < 1


def test_a_soft_face_gets_its_detail_back_and_keeps_its_contrast(original: Picture) -> None:
    generated = picture(cv2.GaussianBlur(original, (0, 0), 1.0))
    face = Matcher(sharpen=0).face(generated, original, BOX, scene=0)
    assert detail(sized(generated)) < 0.8 * detail(sized(original))
    assert detail(face) == pytest.approx(detail(sized(original)), rel=0.1)
    assert float(face.std()) == pytest.approx(float(sized(original).std()), rel=0.02)
    assert error(face, sized(original)) < 0.75 * error(sized(generated), sized(original))


@pytest.mark.parametrize("box", [Box(0, 0, 92, 120), BOX])
def test_the_upper_half_gets_as_much_detail_as_the_original_has(original: Picture, box: Box) -> None:
    generated = picture(cv2.GaussianBlur(original, (0, 0), 0.7))
    face = Matcher(sharpen=0).face(generated, original, box, scene=0)
    wanted = detail(sized(original, box), below=False)
    assert detail(sized(generated, box), below=False) < 0.9 * wanted
    assert detail(face, below=False) == pytest.approx(wanted, rel=0.03)


def test_in_a_large_box_the_detail_of_the_networks_own_pixels_comes_back(original: Picture) -> None:
    box = Box(0, 0, 660, 810)
    generated = picture(cv2.GaussianBlur(original, (0, 0), 0.7))
    face = Matcher(sharpen=0).face(generated, original, box, scene=0)
    assert error(face, sized(original, box)) < 0.75 * error(sized(generated, box), sized(original, box))


def test_a_tint_and_softness_together_are_undone(original: Picture) -> None:
    generated = tinted(picture(cv2.GaussianBlur(original, (0, 0), 1.0)))
    face = Matcher(sharpen=0).face(generated, original, BOX, scene=0)
    assert error(face, sized(original)) < 2
    assert detail(face) == pytest.approx(detail(sized(original)), rel=0.1)


def test_a_face_sharper_than_the_original_is_not_made_softer(original: Picture) -> None:
    soft = picture(cv2.GaussianBlur(original, (0, 0), 2.0))
    face = Matcher(sharpen=0).face(original, soft, BOX, scene=0)
    assert detail(face) > 0.95 * detail(sized(original))


def test_sharpen_adds_to_what_is_needed(original: Picture) -> None:
    faces = [Matcher(sharpen=amount).face(original, original, BOX, scene=0) for amount in (0, 0.5, 1)]
    details = [detail(face) for face in faces]
    assert details[1] > 1.1 * details[0]
    assert details[2] > 1.1 * details[1]


def test_the_mouth_that_was_generated_decides_nothing(original: Picture) -> None:
    generated = tinted(picture(cv2.GaussianBlur(original, (0, 0), 0.7)))
    other = generated.copy()
    other[140:] = np.random.default_rng(1).integers(0, 256, other[140:].shape, dtype=np.uint8)
    faces = [Matcher(sharpen=0).face(face, original, BOX, scene=0) for face in (generated, other)]
    assert np.array_equal(faces[0][:130], faces[1][:130])


def test_a_face_that_is_quite_another_colour_is_corrected_only_so_far(original: Picture) -> None:
    dark = tinted(original, 0.5, (0, 0, 0))
    face = Matcher(sharpen=0).face(dark, original, BOX, scene=0)
    brightest = np.float32(1.25) * sized(dark) + 20
    assert (face[135:] <= brightest[135:] + 40).all()
    assert error(face, sized(original)) > 10
    assert float(face[135:].mean()) == pytest.approx(float(brightest[135:].mean()), abs=2)


def flicker(faces: list[Picture]) -> float:
    means = np.array([float(face[135:].mean()) for face in faces])
    return float(np.abs(np.diff(means)).mean())


def test_corrections_do_not_jump_from_frame_to_frame(original: Picture) -> None:
    matcher = Matcher(sharpen=0)
    tints: list[Floats] = [np.array([8, 8, 8]), np.array([-8, -8, -8])]
    pairs = [(original, tinted(original, 1.0, tuple(tints[number % 2]))) for number in range(20)]
    corrected = [matcher.face(original, wanted, BOX, scene=0) for original, wanted in pairs]
    alone = [Matcher(sharpen=0).face(original, wanted, BOX, scene=0) for original, wanted in pairs]
    assert flicker(corrected) < 0.15 * flicker(alone)


def test_corrections_arrive_within_a_second_of_frames(original: Picture) -> None:
    matcher = Matcher(sharpen=0)
    generated = tinted(original)
    matcher.face(original, original, BOX, scene=0)
    faces = [matcher.face(generated, original, BOX, scene=0) for _ in range(25)]
    errors = [error(face, sized(original)) for face in faces]
    assert errors[0] > 5
    assert errors[9] < 0.55 * errors[0]
    assert errors[24] < 0.15 * errors[0]


def test_a_new_scene_begins_with_its_own_corrections(original: Picture) -> None:
    matcher = Matcher(sharpen=0)
    for _ in range(5):
        matcher.face(tinted(original), original, BOX, scene=0)
    generated = tinted(picture(cv2.GaussianBlur(original, (0, 0), 1)), 1.1, (-6, 0, -6))
    first = matcher.face(generated, original, BOX, scene=1)
    assert np.array_equal(first, Matcher(sharpen=0).face(generated, original, BOX, scene=1))


def test_the_same_frames_give_the_same_pixels(original: Picture) -> None:
    generated = [tinted(picture(cv2.GaussianBlur(original, (0, 0), 1 + n / 5))) for n in range(4)]
    runs = []
    for _ in range(2):
        matcher = Matcher(sharpen=0.2)
        runs.append([matcher.face(face, original, BOX, scene=0) for face in generated])
    assert all(np.array_equal(one, other) for one, other in zip(*runs, strict=True))


def test_a_face_without_any_detail_is_not_made_up(original: Picture) -> None:
    flat = np.full_like(original, 128)
    face = Matcher(sharpen=0).face(flat, original, BOX, scene=0)
    assert float(face.std(axis=(0, 1)).max()) < 1
