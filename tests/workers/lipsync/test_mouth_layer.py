"""The painted mouth: closed it hides the teeth, open it shows a dark cavity, and no seam shows around it."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.mouth_layer import MouthLayer
from lipsync_worker.pose import Param, rest
from lipsync_worker.sway import STILL
from lipsync_worker.warp import doubled
from shared_schema.records import FaceMesh


@pytest.fixture(scope="module")
def mouth(frame: FaceFrame, photo: Picture) -> MouthLayer:
    return MouthLayer(frame, photo, doubled(photo))


def painted(mouth: MouthLayer, photo: Picture, **values: float) -> Picture:
    canvas = photo.copy()
    row = rest(1)[0]
    for name, value in values.items():
        row[Param[name]] = value
    mouth.paint(canvas, row, STILL, mouth.grid.nodes)
    return canvas


def between_lips(frame: FaceFrame, picture: Picture, below: float) -> float:
    """Mean brightness of a small patch under the middle of the upper lip's edge, `below` face units down."""
    x, y = np.round(
        frame.pixels(np.array([[0, float(frame.local[13, 1]) + below, 0]], np.float32))[0]
    ).astype(int)
    return float(picture[y - 1 : y + 2, x - 3 : x + 4].mean())


def test_closed_lips_hide_the_teeth_of_the_photo(frame: FaceFrame, photo: Picture, mouth: MouthLayer) -> None:
    teeth = between_lips(frame, photo, 0.04)
    assert between_lips(frame, painted(mouth, photo, CLOSE=1, RELAX=1), 0.04) < 0.85 * teeth


def test_an_open_mouth_is_dark_inside(frame: FaceFrame, photo: Picture, mouth: MouthLayer) -> None:
    opened = painted(mouth, photo, JAW=0.9, RELAX=1)
    x, y = np.round(frame.points[14, :2]).astype(int)
    assert opened[y : y + 6, x - 4 : x + 5].min(0).mean() < 70


def test_an_open_mouth_shows_the_teeth_of_the_photo_where_they_were(
    frame: FaceFrame, photo: Picture, mouth: MouthLayer
) -> None:
    opened = painted(mouth, photo, JAW=0.6, RAISE=1.0)
    assert between_lips(frame, opened, 0.04) == pytest.approx(between_lips(frame, photo, 0.04), rel=0.15)


def test_nothing_outside_the_region_is_touched(photo: Picture, mouth: MouthLayer) -> None:
    opened = painted(mouth, photo, JAW=1, ROUND=1)
    grid = mouth.grid
    outside = np.ones(photo.shape[:2], bool)
    outside[grid.top : grid.top + grid.height, grid.left : grid.left + grid.width] = False
    assert np.array_equal(opened[outside], photo[outside])


def test_no_line_shows_at_the_edge_of_the_region(photo: Picture, mouth: MouthLayer) -> None:
    opened = painted(mouth, photo, JAW=1)
    grid = mouth.grid
    ring = np.zeros(photo.shape[:2], bool)
    ring[grid.top : grid.top + grid.height, grid.left : grid.left + grid.width] = True
    ring[grid.top + 2 : grid.top + grid.height - 2, grid.left + 2 : grid.left + grid.width - 2] = False
    assert np.abs(opened[ring].astype(int) - photo[ring]).max() <= 3


def test_beside_the_corners_the_cheek_has_no_tear(
    frame: FaceFrame, photo: Picture, mouth: MouthLayer
) -> None:
    opened = painted(mouth, photo, JAW=1.0, RELAX=1)
    for corner, side in ((61, -1), (291, 1)):
        x, y = np.round(frame.points[corner, :2]).astype(int)
        x += side * int(0.07 * frame.unit)
        column = cv2.cvtColor(opened, cv2.COLOR_BGR2GRAY)[y - 8 : y + 9, x].astype(int)
        before = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)[y - 8 : y + 9, x].astype(int)
        assert np.abs(np.diff(column)).max() <= np.abs(np.diff(before)).max() + 10


def test_a_closed_mouth_gets_teeth_of_its_own_when_it_opens(
    frame: FaceFrame, photo: Picture, mouth: MouthLayer
) -> None:
    closed_photo = painted(mouth, photo)
    points = frame.points.copy()
    for upper, lower in (
        (13, 14),
        (312, 317),
        (82, 87),
        (311, 402),
        (81, 178),
        (310, 318),
        (80, 88),
        (191, 95),
        (415, 324),
    ):
        points[[upper, lower]] = points[[upper, lower]].mean(0)
    mesh = FaceMesh(512, 512, 0.0, [(float(x), float(y), float(z)) for x, y, z in points])
    layer = MouthLayer(FaceFrame.of(mesh), closed_photo, doubled(closed_photo))
    opened = painted(layer, closed_photo, JAW=0.8, RAISE=0.6)
    x, y = np.round(points[13, :2]).astype(int)
    column = opened[y - 4 : y + 14, x - 6 : x + 7].astype(float).mean(2)
    assert column.max() > 140
    assert column.min() < 60


def test_the_same_pose_gives_the_same_pixels(photo: Picture, mouth: MouthLayer) -> None:
    first, second = painted(mouth, photo, JAW=0.5), painted(mouth, photo, JAW=0.5)
    assert np.array_equal(first, second)


def luminance(picture: Picture) -> Floats:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.float32)


def test_a_mouth_that_opens_gradually_never_jumps(
    frame: FaceFrame, photo: Picture, mouth: MouthLayer
) -> None:
    steps = [luminance(painted(mouth, photo, JAW=float(jaw))) for jaw in np.linspace(0, 1, 26)]
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(steps)]
    assert max(changes) < 6 * float(np.median(changes))
