"""A photo as footage: the same shot again and again, alive when it is dubbed."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.face_box import Box, musetalk_box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.footage import Paste, Still
from lipsync_worker.life import Life
from shared_schema.errors import FaceError
from shared_schema.stages import LipsyncParams

QUIET = LipsyncParams(sway=False, blink=False)
MOUTH = Box(190, 130, 270, 190)
ELSEWHERE = Box(210, 150, 300, 200)


def box_of(points: Floats, size: tuple[int, int]) -> Box:
    return musetalk_box(points, size, "v1.5")


def still(photo: Picture, frame: FaceFrame, params: LipsyncParams = QUIET, seed: int = 0) -> Still:
    return Still(photo, frame, params, seed, box_of)


def paint(level: int, part: Box = MOUTH) -> Paste:
    """Paints a part in one level."""

    def paste(canvas: Picture) -> Box:
        part.of(canvas)[:] = level
        return part

    return paste


def painted(photo: Picture, level: int, part: Box = MOUTH) -> Picture:
    changed = photo.copy()
    paint(level, part)(changed)
    return changed


def test_each_shot_is_the_photo_with_its_face(photo: Picture, frame: FaceFrame) -> None:
    footage = still(photo, frame)
    assert footage.size == (512, 512)
    first, later = footage.shot(0), footage.shot(99)
    assert np.array_equal(first.picture, photo)
    assert later.picture is first.picture
    assert (later.key, later.scene) == (first.key, first.scene)
    assert first.points is not None
    assert np.array_equal(first.points, frame.points)
    assert first.box == box_of(frame.points, (512, 512))


def test_a_photo_of_odd_size_is_made_even(photo: Picture, frame: FaceFrame) -> None:
    footage = still(photo[:401, :511], frame)
    assert footage.size == (512, 402)
    assert footage.dubbed(0, footage.shot(0), None).shape == (402, 512, 3)


def test_without_a_mouth_sway_and_blinks_it_is_the_photo(photo: Picture, frame: FaceFrame) -> None:
    footage = still(photo, frame)
    for number in range(3):
        assert np.array_equal(footage.dubbed(number, footage.shot(number), None), photo)


def test_a_new_mouth_is_there_and_the_last_one_is_gone(photo: Picture, frame: FaceFrame) -> None:
    footage = still(photo, frame)
    shot = footage.shot(0)
    for number, (level, part) in enumerate([(0, MOUTH), (255, ELSEWHERE), (9, MOUTH)]):
        assert np.array_equal(footage.dubbed(number, shot, paint(level, part)), painted(photo, level, part))
    assert np.array_equal(footage.dubbed(3, shot, None), photo)
    assert np.array_equal(shot.picture, photo), "the shot itself is nobody's canvas"


def test_each_mouth_is_painted_into_a_clean_photo(photo: Picture, frame: FaceFrame) -> None:
    """Pastes blend: on top of the last mouth its edge would grow darker from frame to frame."""
    footage = still(photo, frame)
    shot = footage.shot(0)

    def halve(canvas: Picture) -> Box:
        MOUTH.of(canvas)[:] //= 2
        return MOUTH

    made = [footage.dubbed(number, shot, halve).copy() for number in range(3)]
    assert np.array_equal(made[0], made[2])


@pytest.mark.parametrize("number", [0, 30, 77])
def test_mouth_head_and_eyes_move_as_those_of_a_photo_with_that_mouth(
    photo: Picture, frame: FaceFrame, number: int
) -> None:
    footage = still(photo, frame, LipsyncParams(), seed=3)
    footage.dubbed(number - 1, footage.shot(number - 1), paint(255, ELSEWHERE))
    made = footage.dubbed(number, footage.shot(number), paint(0))
    canvas = painted(photo, 0)
    life = Life(frame, canvas.copy(), LipsyncParams(), seed=3)
    life.eyes(canvas, number, life.head(canvas, number))
    assert np.array_equal(made, canvas)


def test_the_seed_decides_how_it_moves(photo: Picture, frame: FaceFrame) -> None:
    def at(seed: int) -> Picture:
        footage = still(photo, frame, LipsyncParams(), seed)
        return footage.dubbed(20, footage.shot(20), None).copy()

    assert np.array_equal(at(1), at(1))
    assert not np.array_equal(at(1), at(2))


def test_what_blinks_does_not_stay_shut(photo: Picture, frame: FaceFrame) -> None:
    footage = still(photo, frame, LipsyncParams(sway=False), seed=1)
    same = [np.array_equal(footage.dubbed(n, footage.shot(n), None), photo) for n in range(120)]
    assert not all(same)
    assert same[-1] or same[0]
    assert sum(same) > 60


def test_a_face_with_too_little_in_the_picture_is_refused(photo: Picture, frame: FaceFrame) -> None:
    with pytest.raises(FaceError, match="pixels of the face are in the picture"):
        still(photo[:, :110], frame)
