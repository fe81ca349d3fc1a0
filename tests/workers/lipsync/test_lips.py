"""Lips meet where they must, open where they should, and never pass each other."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.arrays import Floats
from lipsync_worker.contours import refine
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.lips import Lips
from lipsync_worker.pose import Param, rest


@pytest.fixture(scope="module")
def lips(frame: FaceFrame, photo: Floats) -> Lips:
    return Lips(refine(frame, photo.astype(np.float32)))


def pose(**values: float) -> Floats:
    row: Floats = rest(1)[0]
    for name, value in values.items():
        row[Param[name]] = value
    return row


def edges(lips: Lips, row: Floats) -> tuple[Floats, Floats]:
    """The inner edges (11, 3) of upper and lower lip, face units."""
    motion = lips.motion(row)
    return lips.upper[3] + motion[33:44], lips.lower[3] + motion[77:88]


def gap(lips: Lips, row: Floats) -> Floats:
    upper, lower = edges(lips, row)
    return lower[:, 1] - upper[:, 1]


def width(lips: Lips, row: Floats) -> float:
    upper, _ = edges(lips, row)
    return float(upper[-1, 0] - upper[0, 0])


def test_the_sample_smiles_with_its_teeth(lips: Lips) -> None:
    assert lips.rest_gap[5] > 0.05


@pytest.mark.parametrize("jaw", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("pucker", [0.0, 1.0])
def test_closed_lips_meet_from_corner_to_corner_whatever_the_jaw_does(
    lips: Lips, jaw: float, pucker: float
) -> None:
    assert np.abs(gap(lips, pose(CLOSE=1, JAW=jaw, ROUND=pucker))).max() < 1e-3


def test_at_rest_the_lips_of_a_smile_are_together(lips: Lips) -> None:
    assert np.abs(gap(lips, pose())).max() < 1e-3


def test_a_smile_relaxes_while_the_face_talks_and_more_so_for_a_closure(lips: Lips) -> None:
    smiling, talking, closed = (width(lips, pose(**p)) for p in ({}, {"RELAX": 1}, {"RELAX": 1, "CLOSE": 1}))
    assert smiling > 1.05 * talking > 1.05 * closed


def test_the_jaw_opens_the_mouth_and_takes_the_chin_along(lips: Lips) -> None:
    opened = [float(gap(lips, pose(JAW=jaw))[5]) for jaw in (0.2, 0.5, 0.9)]
    assert opened == sorted(opened)
    assert opened[-1] > 0.12
    chin = lips.indices.index(152, 88)
    assert lips.motion(pose(JAW=0.9))[chin, 1] - lips.motion(pose())[chin, 1] > 0.08


def test_rounding_narrows_and_spreading_widens(lips: Lips) -> None:
    assert width(lips, pose(ROUND=1, RELAX=1)) < 0.75 * width(lips, pose(RELAX=1))
    assert width(lips, pose(WIDE=1, RELAX=1)) > 1.05 * width(lips, pose(RELAX=1))


def test_for_f_the_lower_lip_covers_the_edge_of_the_teeth_and_the_upper_lip_shows_them(lips: Lips) -> None:
    upper, lower = edges(lips, pose(DENTAL=1))
    assert lower[5, 1] <= lips.teeth_edge[5]
    assert lower[5, 1] - upper[5, 1] > 0.015


def test_lips_never_pass_each_other(lips: Lips) -> None:
    dice = np.random.default_rng(3)
    for _ in range(200):
        assert gap(lips, dice.uniform(0, 1, len(Param)).astype(np.float32)).min() > -1e-4


def test_what_should_stay_stays(lips: Lips) -> None:
    motion = lips.motion(pose(JAW=1, ROUND=1))
    assert not motion[lips.indices.index(1)].any()
    assert not motion[lips.indices.index(454)].any()


def test_both_sides_of_the_mouth_move_alike(lips: Lips) -> None:
    motion = lips.motion(pose(JAW=0.7, WIDE=0.5))[88 - 11 : 88]
    assert np.allclose(motion[:, 1], motion[::-1, 1], atol=0.01)
