"""Boxes as the networks were trained on, from landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.face_box import Box, musetalk_box, wav2lip_box
from lipsync_worker.face_frame import FaceFrame
from shared_schema.errors import FaceError

SIZE = (400, 500)


@pytest.fixture
def made_up() -> Floats:
    """A face whose box can be worked out by hand: ears at 120.9 and 260.2, ridge at 200, chin at 290.7."""
    points = np.full((478, 2), 200.0, np.float32)
    points[[127, 356]] = [[120.9, 180], [260.2, 180]]
    points[[195, 5]] = [[190, 195.4], [190, 205.4]]
    points[152] = [190, 290.7]
    points[10] = [10, 10]  # the hair's edge is none of the 68 points
    return points


def test_v1_reaches_as_far_above_the_ridge_of_the_nose_as_the_chin_is_below(made_up: Floats) -> None:
    assert musetalk_box(made_up, SIZE, "v1") == (120, 110, 260, 290)


def test_v15_leaves_ten_pixels_below_the_chin(made_up: Floats) -> None:
    assert musetalk_box(made_up, SIZE, "v1.5") == (120, 110, 260, 300)


def test_a_shift_moves_the_ridge_of_v1_alone(made_up: Floats) -> None:
    assert musetalk_box(made_up, SIZE, "v1", 7) == (120, 124, 260, 290)
    assert musetalk_box(made_up, SIZE, "v1", -7) == (120, 96, 260, 290)
    assert musetalk_box(made_up, SIZE, "v1.5", 7) == (120, 110, 260, 300)


@pytest.mark.parametrize(
    ("moved", "expected"),
    [((-150, 0), (0, 110, 110, 300)), ((0, -130), (120, 0, 260, 170)), ((200, 204), (320, 314, 400, 500))],
)
def test_a_box_ends_where_the_picture_ends(
    made_up: Floats, moved: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    assert musetalk_box(made_up + floats(moved), SIZE, "v1.5") == expected


@pytest.mark.parametrize("move", [(-253, 0), (0, -295), (275, 0), (0, 385), (900, 900)])
def test_a_face_of_which_next_to_nothing_is_in_the_picture_is_refused(
    made_up: Floats, move: tuple[int, int]
) -> None:
    with pytest.raises(FaceError, match="pixels of the face are in the picture"):
        musetalk_box(made_up + floats(move), SIZE, "v1.5")


def test_a_face_without_height_is_refused(made_up: Floats) -> None:
    made_up[:, 1] = 200
    with pytest.raises(FaceError, match="in the picture"):
        musetalk_box(made_up, SIZE, "v1")


def test_of_a_tilted_face_the_lowest_point_of_the_jaw_counts(made_up: Floats) -> None:
    made_up[379] = [220, 296.2]
    assert musetalk_box(made_up, SIZE, "v1") == (120, 104, 260, 296)


def test_landmarks_that_are_not_numbers_are_refused(made_up: Floats) -> None:
    made_up[7] = np.nan
    with pytest.raises(FaceError, match="not all numbers"):
        musetalk_box(made_up, SIZE, "v1")
    with pytest.raises(FaceError, match="not all numbers"):
        wav2lip_box(made_up, SIZE)


def test_wav2lips_box_goes_from_between_brows_and_hair_to_below_the_chin(frame: FaceFrame) -> None:
    box = wav2lip_box(frame.points, (512, 512))
    assert box.top == int(frame.points[[108, 151, 337], 1].min()) < frame.points[[105, 334], 1].min()
    assert frame.points[152, 1] < box.bottom < frame.points[152, 1] + 0.08 * box.height
    assert box.left == int(frame.points[[127, 234, 93], 0].min())
    assert box.right == int(frame.points[[356, 454, 323], 0].max())


def test_wav2lips_margin_grows_with_the_face(frame: FaceFrame) -> None:
    small, large = (wav2lip_box(frame.points * scale, (2048, 2048)) for scale in (1, 4))
    assert np.allclose(np.array(large) / 4, small, atol=1)


def test_a_box_is_cut_and_moved_like_the_rectangle_it_is() -> None:
    box, other = Box(10, 20, 50, 60), Box(30, 0, 90, 40)
    assert (box.width, box.height) == (40, 40)
    assert box.overlap(other) == (30, 20, 50, 40)
    assert box.overlap(Box(60, 0, 90, 40)).width < 0
    assert box.seen_from(other) == (-20, 20, 20, 60)
    pixels = np.random.default_rng(1).integers(0, 256, (100, 100), dtype=np.uint8)
    assert np.array_equal(box.of(pixels), pixels[20:60, 10:50])
