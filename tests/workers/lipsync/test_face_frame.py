"""A face's own axes turn with the face."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.face_frame import FaceFrame
from shared_schema.errors import FaceError
from shared_schema.records import FaceMesh


def mesh_of(points: Floats, size: tuple[int, int] = (512, 512)) -> FaceMesh:
    return FaceMesh(*size, 0.0, [(float(x), float(y), float(z)) for x, y, z in points])


def turned(points: Floats, degrees: float) -> Floats:
    """The head turned about the axis through its top."""
    angle = np.deg2rad(degrees)
    around = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    middle = points.mean(0)
    return floats((points - middle) @ around.T + middle)


def test_seen_from_the_front_right_is_right_and_down_is_down(frame: FaceFrame) -> None:
    right, down = frame.offsets(floats([[1, 0, 0], [0, 1, 0]]))
    assert right[0] > 0.95 * frame.unit
    assert down[1] > 0.9 * frame.unit


def test_in_a_turned_face_sideways_motion_is_foreshortened_and_downward_motion_is_not(
    frame: FaceFrame,
) -> None:
    aside = FaceFrame.of(mesh_of(turned(frame.points, 25)))
    assert aside.unit == pytest.approx(frame.unit, rel=0.01)
    right, down = aside.offsets(floats([[1, 0, 0], [0, 1, 0]]))
    assert 0.80 < np.linalg.norm(right) / aside.unit < 0.97
    assert np.linalg.norm(down) / aside.unit > 0.9


def test_lips_pushed_forward_move_to_the_side_that_a_turned_face_looks_to(frame: FaceFrame) -> None:
    for degrees in (-20, 20):
        aside = FaceFrame.of(mesh_of(turned(frame.points, degrees)))
        nose_way = aside.points[1, 0] - aside.points[[234, 454], 0].mean()
        assert np.sign(aside.offsets(floats([[0, 0, -1]]))[0, 0]) == np.sign(nose_way)


def test_the_same_face_twice_as_large_has_the_same_shape(frame: FaceFrame) -> None:
    large = FaceFrame.of(mesh_of(frame.points * 2, (1024, 1024)))
    assert large.unit == pytest.approx(2 * frame.unit, rel=1e-4)
    assert np.allclose(large.local, frame.local, atol=1e-4)


def test_pixels_and_places_lead_back_to_each_other(frame: FaceFrame) -> None:
    places = floats([[0.1, 0.2, 0], [-0.3, 0.05, 0]])
    assert np.allclose(frame.flat(frame.pixels(places)), places[:, :2], atol=1e-4)


def test_a_mesh_of_another_model_is_refused(frame: FaceFrame) -> None:
    with pytest.raises(FaceError, match="instead of 478"):
        FaceFrame.of(mesh_of(frame.points[:68]))


def test_points_that_are_not_numbers_are_refused(frame: FaceFrame) -> None:
    points = frame.points.copy()
    points[7] = np.nan
    with pytest.raises(FaceError):
        FaceFrame.of(mesh_of(points))


def test_a_face_of_a_few_pixels_is_refused(frame: FaceFrame) -> None:
    with pytest.raises(FaceError, match="too small"):
        FaceFrame.of(mesh_of(frame.points * 0.1))


def test_a_face_that_the_border_cuts_is_refused(frame: FaceFrame) -> None:
    with pytest.raises(FaceError, match="cut off"):
        FaceFrame.of(mesh_of(frame.points - [200, 0, 0]))
