"""The angle at which a head is turned is measured well enough to refuse by."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from shared_schema.errors import FaceError
from vision_worker.choice import MAX_YAW, require_animatable
from vision_worker.face import Face


def rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> NDArray[np.float64]:
    """Rz(roll) Ry(yaw) Rx(pitch) in degrees; x right, y down, z away; positive yaw turns to the right."""
    a, b, c = np.radians((roll, yaw, pitch))
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(c), -np.sin(c)], [0, np.sin(c), np.cos(c)]])
    return np.asarray(about_z @ about_y @ about_x)


def turned(face: Face, *angles: float) -> Face:
    centre = face.points.mean(axis=0)
    return Face((face.points - centre) @ rotation(*angles).T + centre)


def test_the_sample_looks_at_the_camera(sample_face: Face) -> None:
    assert abs(sample_face.yaw) < 4


@pytest.mark.parametrize("angle", range(-60, 61, 10))
def test_a_known_turn_is_measured(sample_face: Face, angle: int) -> None:
    assert turned(sample_face, angle).yaw - sample_face.yaw == pytest.approx(angle, abs=3)


@pytest.mark.parametrize("pitch", [-20, 0, 20])
@pytest.mark.parametrize("roll", [-40, 0, 40])
def test_nodding_and_tilting_do_not_count_as_turning(sample_face: Face, pitch: int, roll: int) -> None:
    for angle in (-25, 0, 25):
        assert turned(sample_face, angle, pitch, roll).yaw == pytest.approx(angle, abs=5)


def test_neither_size_nor_place_nor_the_depth_of_the_mesh_matters(sample_face: Face) -> None:
    face = turned(sample_face, 20)
    flat = Face(face.points * (3, 3, 0.1) + (1000, 500, 0))
    assert flat.yaw == pytest.approx(face.yaw)


def test_a_head_turned_to_the_right_of_the_picture_is_positive(sample_face: Face) -> None:
    face = turned(sample_face, 30)
    nose, right_cheek, left_cheek = (face.points[index, 0] for index in (1, 234, 454))
    assert left_cheek - nose < nose - right_cheek
    assert face.yaw > 0


@pytest.mark.parametrize(("angle", "side"), [(40, "right"), (-40, "left")])
def test_a_profile_is_refused_with_the_angle(sample_face: Face, angle: int, side: str) -> None:
    face = turned(sample_face, angle)
    with pytest.raises(FaceError, match=rf"turned {abs(face.yaw):.0f} degrees to the picture's {side}"):
        require_animatable(face, 512, 512)


def test_a_slight_turn_is_taken(sample_face: Face) -> None:
    for angle in (-18, 18):
        face = turned(sample_face, angle)
        assert abs(face.yaw) < MAX_YAW
        require_animatable(face, 512, 512)
