"""What moves besides the mouth: a mouth that was painted into the photo moves with the head, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.arrays import Picture
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.life import Life, Rectangle, even
from lipsync_worker.sway import STILL
from lipsync_worker.warp import doubled
from shared_schema.stages import LipsyncParams

QUIET = LipsyncParams(sway=False, blink=False)
PARTS: list[Rectangle] = [
    (150, 120, 300, 220), (0, 0, 60, 50), (480, 500, 512, 512), (0, 0, 512, 512), (201, 133, 202, 134),
    (3, 5, 8, 9), (505, 2, 510, 7), (100, 100, 100, 100),
]  # fmt: skip


def painted(photo: Picture, part: Rectangle, seed: int = 0) -> Picture:
    """The photo with noise in a part of it: what is hardest to tell from its own neighbours."""
    changed = photo.copy()
    left, top, right, bottom = part
    size = (bottom - top, right - left, 3)
    changed[top:bottom, left:right] = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    return changed


@pytest.fixture
def life(frame: FaceFrame, photo: Picture) -> Life:
    return Life(frame, photo, LipsyncParams(), seed=1)


@pytest.mark.parametrize("part", PARTS)
def test_repainting_a_part_is_the_same_as_doubling_the_whole(
    life: Life, photo: Picture, part: Rectangle
) -> None:
    changed = painted(photo, part)
    life.repaint(changed, part)
    assert np.array_equal(life.source, doubled(changed))


def test_where_nothing_is_painted_any_more_the_photo_comes_back(life: Life, photo: Picture) -> None:
    for seed, part in enumerate(PARTS):
        changed = painted(photo, part, seed)
        life.repaint(changed, part)
        assert np.array_equal(life.source, doubled(changed))
    life.repaint(photo, (0, 0, 0, 0))
    assert np.array_equal(life.source, doubled(photo))


def test_the_photo_itself_is_left_as_it_is(life: Life, photo: Picture) -> None:
    before = photo.copy()
    life.repaint(painted(photo, PARTS[0]), PARTS[0])
    assert np.array_equal(life.photo, before)


@pytest.mark.parametrize("number", [0, 40, 90])
def test_a_painted_mouth_moves_as_if_it_had_been_in_the_photo(
    frame: FaceFrame, photo: Picture, life: Life, number: int
) -> None:
    changed = painted(photo, PARTS[0])
    life.repaint(changed, PARTS[0])
    ours, theirs = changed.copy(), changed.copy()
    other = Life(frame, changed, LipsyncParams(), seed=1)
    for each, canvas in ((life, ours), (other, theirs)):
        each.eyes(canvas, number, each.head(canvas, number))
    assert not np.array_equal(ours, changed)
    assert np.array_equal(ours, theirs)


def test_without_sway_the_canvas_stays_as_it_is(frame: FaceFrame, photo: Picture) -> None:
    life = Life(frame, photo, QUIET, seed=1)
    canvas = np.zeros_like(photo)
    assert life.head(canvas, 10) is STILL
    assert not canvas.any()


def test_without_blinks_the_eyes_are_the_photos(frame: FaceFrame, photo: Picture) -> None:
    life = Life(frame, photo, QUIET, seed=1)
    canvas = photo.copy()
    for number in range(0, 250, 10):
        life.eyes(canvas, number, STILL)
    assert np.array_equal(canvas, photo)


def test_with_blinks_the_eyes_close_now_and_then_and_nothing_else_changes(
    frame: FaceFrame, photo: Picture
) -> None:
    life = Life(frame, photo, LipsyncParams(sway=False), seed=1)
    moved, outside = [], np.ones(photo.shape[:2], np.bool_)
    for grid in life.eye_grids:
        outside[grid.top : grid.top + grid.height, grid.left : grid.left + grid.width] = False
    for number in range(150):
        canvas = photo.copy()
        life.eyes(canvas, number, STILL)
        assert np.array_equal(canvas[outside], photo[outside])
        moved.append(not np.array_equal(canvas, photo))
    assert 3 <= sum(moved) <= 60


def test_time_is_counted_in_frames_of_the_true_rate(frame: FaceFrame, photo: Picture) -> None:
    slow, fast = (
        Life(frame, photo, LipsyncParams(fps_numerator=rate, blink=False), seed=1) for rate in (25, 75)
    )
    canvas = photo.copy()
    # The middles of frame 20 of 25 a second and of frame 61 of 75: the same moment.
    assert np.allclose(slow.head(canvas, 20), fast.head(canvas, 61), atol=1e-6)
    assert not np.allclose(slow.head(canvas, 20), fast.head(canvas, 20), atol=1e-3)


@pytest.mark.parametrize(("size", "expected"), [((401, 511), (402, 512)), ((400, 510), (400, 510))])
def test_odd_sides_get_their_last_row_or_column_twice(
    photo: Picture, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    cut = photo[: size[0], : size[1]]
    made = even(cut)
    assert made.shape[:2] == expected
    assert np.array_equal(made[: size[0], : size[1]], cut)
    assert np.array_equal(made[-1, : size[1]], cut[-1])
    assert np.array_equal(made[: size[0], -1], cut[:, -1])
