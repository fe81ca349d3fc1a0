"""A blink shuts the eye: the lids truly meet, and what covers the eyeball is skin."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.eyes import Eye
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.sway import STILL
from lipsync_worker.warp import doubled
from shared_schema.mesh import EYES
from shared_schema.records import FaceMesh

IRISES = (468, 473)
SIDES = (0, 1)


@pytest.fixture(scope="module")
def large(photo: Picture, frame: FaceFrame) -> tuple[Picture, FaceFrame]:
    """The sample three times as large, so that an eye has pixels to judge."""
    height, width = photo.shape[:2]
    picture = np.asarray(cv2.resize(photo, (3 * width, 3 * height), interpolation=cv2.INTER_CUBIC), np.uint8)
    points = [(float(x), float(y), float(z)) for x, y, z in frame.points * 3]
    return picture, FaceFrame.of(FaceMesh(3 * width, 3 * height, 0.0, points))


def shut(picture: Picture, frame: FaceFrame, side: int, *closures: float, brow: float = 0.0) -> list[Picture]:
    """The picture with one eye shut by each of `closures`."""
    eye = Eye(frame, doubled(picture), side)
    canvases = [picture.copy() for _ in closures]
    for canvas, closure in zip(canvases, closures, strict=True):
        eye.paint(canvas, closure, brow, STILL, eye.grid.nodes)
    return canvases


def patch(picture: Picture, centre: Floats, size: int = 3) -> Floats:
    x, y = np.round(centre[:2]).astype(int)
    return np.asarray(picture[y - size : y + size + 1, x - size : x + size + 1], np.float32)


@pytest.mark.parametrize("side", SIDES)
def test_shut_lids_cover_the_iris_with_something_like_skin(
    large: tuple[Picture, FaceFrame], side: int
) -> None:
    picture, frame = large
    cheek = patch(picture, frame.points[(50, 280)[side]], 8).mean()
    iris = frame.points[IRISES[side]] - [0, 0.006 * frame.unit, 0]
    before, after = patch(picture, iris).mean(), patch(shut(picture, frame, side, 1.0)[0], iris).mean()
    assert before < 0.5 * cheek
    assert after > 0.62 * cheek


@pytest.mark.parametrize("side", SIDES)
def test_no_white_of_the_eye_is_left_between_shut_lids(large: tuple[Picture, FaceFrame], side: int) -> None:
    picture, frame = large
    closed = shut(picture, frame, side, 1.0)[0].astype(np.float32)
    outline = frame.points[[*EYES[side][0], *EYES[side][1][::-1]], :2]
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    still_there = np.abs(closed - picture).max(2)[inside > 0] < 4
    assert still_there.mean() < 0.15


@pytest.mark.parametrize("side", SIDES)
def test_a_lash_line_is_seen_where_the_lids_meet(large: tuple[Picture, FaceFrame], side: int) -> None:
    picture, frame = large
    upper, lower = frame.points[EYES[side][0][4]], frame.points[EYES[side][1][4]]
    (closed,) = shut(picture, frame, side, 1.0)
    column = [patch(closed, upper + t * (lower - upper), 1).mean() for t in np.linspace(0, 1.2, 25)]
    darkest = int(np.argmin(column))
    assert column[darkest] < 0.75 * max(column)
    assert 0.6 < np.linspace(0, 1.2, 25)[darkest] < 1.15


@pytest.mark.parametrize("side", SIDES)
def test_an_open_eye_is_left_as_it_is(photo: Picture, frame: FaceFrame, side: int) -> None:
    assert np.array_equal(shut(photo, frame, side, 0.0)[0], photo)


@pytest.mark.parametrize("side", SIDES)
def test_lids_come_down_step_by_step(large: tuple[Picture, FaceFrame], side: int) -> None:
    picture, frame = large
    steps = shut(picture, frame, side, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    covered = [float(cv2.absdiff(step, picture).mean()) for step in steps]
    assert covered == sorted(covered)


@pytest.mark.parametrize("side", SIDES)
def test_a_raised_brow_moves_up_and_the_eye_stays_open(large: tuple[Picture, FaceFrame], side: int) -> None:
    picture, frame = large
    (raised,) = shut(picture, frame, side, 0.0, brow=1.0)
    assert np.array_equal(
        patch(raised, frame.points[IRISES[side]], 2), patch(picture, frame.points[IRISES[side]], 2)
    )
    brow = frame.points[(105, 334)[side]]
    before, after = (cv2.cvtColor(p, cv2.COLOR_BGR2GRAY)[:, round(float(brow[0]))] for p in (picture, raised))
    rows = slice(int(brow[1]) - 7, int(brow[1]) + 13)
    assert np.argmin(after[rows]) < np.argmin(before[rows])
