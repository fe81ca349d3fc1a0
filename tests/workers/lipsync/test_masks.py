"""Masks cover the mouth, keep off what is not theirs, and end softly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture, floats
from lipsync_worker.face_box import Box, musetalk_box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.landmarks import JAW_LINE
from lipsync_worker.masks import mask_of, parsed_mask
from lipsync_worker.paste import crop_box
from shared_schema.mesh import LOWER_RINGS, UPPER_RINGS
from shared_schema.stages import Mask

SIZE = (1200, 1200)
ROLLS = [-30, 0, 30]
OUTER_LIPS = [*UPPER_RINGS[0], *LOWER_RINGS[0][::-1]]
CHEEKS = [207, 427]  # at the height of the mouth, halfway to the ears


def face_at(frame: FaceFrame, roll: float = 0, scale: float = 2.3) -> Floats:
    """The sample's landmarks (478, 2), larger and rolled about the nose, in the middle of a picture."""
    turn = cv2.getRotationMatrix2D((0, 0), roll, scale)[:, :2]
    return floats((frame.points[:, :2] - frame.points[5, :2]) @ turn.T + 600)


def made(kind: Mask, points: Floats, *, compat: bool = False) -> tuple[Picture, Box]:
    """The mask on a whole picture of `SIZE`, and the box of the face."""
    box = musetalk_box(points, SIZE, "v1.5")
    crop = crop_box(box)
    mask = mask_of(kind, points, box, crop, compat=compat)
    assert mask.shape == (crop.height, crop.width)
    assert mask.dtype == np.uint8
    inside = crop.overlap(Box(0, 0, *SIZE))
    whole = np.zeros(SIZE[::-1], np.uint8)
    inside.of(whole)[:] = inside.seen_from(crop).of(mask)
    return whole, box


def at(whole: Picture, points: Floats, rows: list[int]) -> Picture:
    x, y = np.round(points[rows]).astype(int).T
    return np.asarray(whole[y, x], np.uint8)


def area(outline: Floats) -> Picture:
    """1 within an outline (n, 2), else 0."""
    filled = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillPoly(filled, [np.round(outline).astype(np.int32)], 1)
    return filled


@pytest.mark.parametrize("roll", ROLLS)
@pytest.mark.parametrize("kind", list(Mask))
def test_a_mask_covers_the_mouth_and_begins_at_half_the_height(
    frame: FaceFrame, kind: Mask, roll: float
) -> None:
    points = face_at(frame, roll)
    whole, box = made(kind, points)
    half, blur = (box.top + box.bottom) // 2, round(0.04 * box.height)
    lips = area(points[OUTER_LIPS])
    lips[: half + blur] = 0
    assert whole[lips > 0].min() >= 250
    assert not whole[: half - blur].any()


@pytest.mark.parametrize("roll", ROLLS)
@pytest.mark.parametrize("kind", list(Mask))
def test_a_mask_is_nothing_at_the_border_of_the_crop(frame: FaceFrame, kind: Mask, roll: float) -> None:
    points = face_at(frame, roll)
    box = musetalk_box(points, SIZE, "v1.5")
    mask = mask_of(kind, points, box, crop_box(box))
    assert not np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).any()


@pytest.mark.parametrize("roll", ROLLS)
def test_the_default_brings_no_background_along(frame: FaceFrame, roll: float) -> None:
    points = face_at(frame, roll)
    whole, _ = made(Mask.LANDMARKS, points)
    assert not at(whole, points, list(JAW_LINE)).any()
    assert not whole[area(points[[127, 234, 93, 132, *JAW_LINE, 361, 323, 454, 356]]) == 0].any()


def test_the_default_leaves_the_nose_as_it_is(frame: FaceFrame) -> None:
    points = face_at(frame)
    whole, _ = made(Mask.LANDMARKS, points)
    assert at(whole, points, [4, 1, 64, 98, 97, 326, 327, 294]).max() <= 20


def test_v15_leaves_out_nose_and_cheeks_and_v1_takes_all_of_the_lower_half(frame: FaceFrame) -> None:
    points = face_at(frame)
    nose_and_cheeks = [4, 1, 132, 361]
    assert at(made(Mask.V1, points)[0], points, [4, 1, 149, 378]).min() >= 100
    assert at(made(Mask.V15, points)[0], points, nose_and_cheeks).max() <= 60
    assert at(made(Mask.V15, points)[0], points, CHEEKS).min() >= 230


def test_v15_reaches_below_the_chin_and_the_default_does_not(frame: FaceFrame) -> None:
    points = face_at(frame)
    below = points[[176, 152, 400]] + floats([0, 3])
    assert at(made(Mask.V15, points)[0], below, [0, 1, 2]).min() >= 150
    assert at(made(Mask.LANDMARKS, points)[0], below, [0, 1, 2]).max() <= 20


def test_v15_takes_lips_that_lie_where_it_trims_the_cheeks(frame: FaceFrame) -> None:
    points = face_at(frame)
    lips = sorted({i for ring in (*UPPER_RINGS, *LOWER_RINGS) for i in ring})
    points[lips] += floats([60, 0])
    assert at(made(Mask.V15, points)[0], points, [14, 317, 402, 318]).min() >= 150


def test_the_default_fades_more_slowly_across_the_cheeks_than_with_compat(frame: FaceFrame) -> None:
    points = face_at(frame)
    row = int(points[14, 1])
    soft, hard = (made(Mask.LANDMARKS, points, compat=compat)[0][row].astype(int) for compat in (False, True))
    slopes = [np.abs(np.diff(line)).max() for line in (soft, hard)]
    assert slopes[0] < 0.65 * slopes[1]


def test_a_mask_grows_with_its_face(frame: FaceFrame) -> None:
    for kind in Mask:
        small, _ = made(kind, face_at(frame, scale=1.5))
        large, _ = made(kind, face_at(frame, scale=3.0))
        assert np.isclose(large.sum() / small.sum(), 4, rtol=0.08), kind


@pytest.mark.parametrize("kind", list(Mask))
@pytest.mark.parametrize("move", [(-560, 0), (520, 0), (0, 530)])
def test_a_face_that_the_picture_cuts_keeps_the_part_of_the_mask_that_is_inside(
    frame: FaceFrame, kind: Mask, move: tuple[int, int]
) -> None:
    points = face_at(frame)
    whole, _ = made(kind, points)
    cut, box = made(kind, points + floats(move))
    assert cut.any()
    moved = np.roll(whole, move[::-1], (0, 1))
    # The box is smaller, so it and its half lie elsewhere: what is deep in both is the same.
    deep = Box(box.left + 40, (box.top + box.bottom) // 2 + 40, box.right - 40, box.bottom - 40)
    if deep.height > 0:
        assert np.abs(deep.of(cut).astype(int) - deep.of(moved)).mean() < 12


def test_what_a_parser_found_counts_within_the_lower_half_of_the_face_alone() -> None:
    box = Box(100, 100, 200, 240)
    crop = crop_box(box)
    mask = parsed_mask(np.full((512, 512), 255, np.uint8), box, crop)
    face = box.seen_from(crop)
    half, blur = crop.height // 2, 6
    assert mask[half + blur : face.bottom - blur, face.left + blur : face.right - blur].min() == 255
    mask[half - blur : face.bottom + blur, face.left - blur : face.right + blur] = 0
    assert not mask.any()
