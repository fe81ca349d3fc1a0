"""The angles at which a head is held are measured, how it is turned well enough to refuse by."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared_schema.errors import FaceError
from vision_worker.choice import MAX_YAW, require_animatable
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.pose import FRONTAL_INDICES, FRONTAL_SHAPE, pose_of


def rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> NDArray[np.float64]:
    """Rz(roll) Ry(yaw) Rx(-pitch) in degrees; x right, y down, z away: to the right, raised, clockwise."""
    a, b, c = np.radians((roll, yaw, -pitch))
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(c), -np.sin(c)], [0, np.sin(c), np.cos(c)]])
    return np.asarray(about_z @ about_y @ about_x)


def turned(face: Face, *angles: float) -> Face:
    centre = face.points.mean(axis=0)
    return Face((face.points - centre) @ rotation(*angles).T + centre)


def frontal_points() -> NDArray[np.float64]:
    """A mesh (478, 3) whose rigid points are the frontal shape; the others are not read."""
    points = np.full((478, 3), 7.0)
    points[FRONTAL_INDICES] = FRONTAL_SHAPE
    return points


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


@pytest.mark.parametrize("pitch", range(-40, 41, 10))
def test_a_known_nod_is_measured(sample_face: Face, pitch: int) -> None:
    measured = turned(sample_face, 0, pitch).pose.pitch - sample_face.pose.pitch
    assert measured == pytest.approx(pitch, abs=4)


@pytest.mark.parametrize("roll", [-170, -90, -40, -10, 10, 40, 90, 170])
def test_a_known_tilt_is_measured_exactly(sample_face: Face, roll: int) -> None:
    """A turn in the picture's plane changes what is seen in no other way."""
    face = turned(sample_face, 0, 0, roll)
    assert face.pose.roll - sample_face.pose.roll == pytest.approx(roll)
    assert face.pose[:2] == pytest.approx(sample_face.pose[:2])


def test_all_three_angles_are_told_apart(sample_face: Face) -> None:
    for angles in itertools.product((-20, 20), (-15, 15), (-30, 30)):
        pose = turned(sample_face, *angles).pose
        assert pose == pytest.approx(np.add(angles, sample_face.pose), abs=5)


def test_the_frontal_shape_itself_is_read_exactly() -> None:
    """Points that are the fitted shape, turned: the three angles come back to the last digit."""
    frontal = frontal_points()
    for angles in ((0, 0, 0), (30, 10, -20), (-50, -30, 100), (10, 60, -170)):
        assert pose_of(200 * frontal @ rotation(*angles).T + 300) == pytest.approx(angles)


def test_a_raised_head_is_positive(sample_face: Face) -> None:
    """Seen from below, the tip of the nose stands higher between brow and chin."""
    raised, sunk = turned(sample_face, 0, 20), turned(sample_face, 0, -20)

    def nose(face: Face) -> float:
        brow, tip, chin = face.points[[9, 1, 152], 1]
        return float((tip - brow) / (chin - brow))

    assert nose(raised) < nose(sample_face) < nose(sunk)
    assert raised.pose.pitch > 0 > sunk.pose.pitch


@pytest.mark.parametrize("angle", [-30, -15, 15, 30])
def test_a_picture_rolled_clockwise_has_a_positive_roll(
    finder: FaceFinder, portrait: Image.Image, sample_face: Face, angle: int
) -> None:
    rolled = portrait.rotate(-angle, Image.Resampling.BICUBIC)  # Pillow turns counterclockwise
    (face,) = finder.find(np.asarray(rolled))
    assert face.pose.roll - sample_face.pose.roll == pytest.approx(angle, abs=1.5)
    assert face.pose[:2] == pytest.approx(sample_face.pose[:2], abs=4)


def test_people_who_look_at_the_camera_have_small_angles(sample_face: Face) -> None:
    assert np.abs(sample_face.pose).max() < 12


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
