"""A photo of a turned head, made from the sample by turning its face in space, is recognised as turned."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared_schema.errors import FaceError
from vision_worker.choice import choose, require_animatable
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels

SIDE = 700


def triangles(edges: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """The triangles (N, 3) of a mesh that is given by its edges."""
    near: dict[int, set[int]] = defaultdict(set)
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    found = {tuple(sorted((a, b, c))) for a in near for b in near[a] for c in near[a] & near[b]}
    return np.array(sorted(found))


def render(pixels: Pixels, face: Face, angle: float) -> Pixels:
    """The face alone, (700, 700, 3), turned by `angle` degrees: its triangles, the far ones first."""
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    surface = face.points[:468]
    space = (surface - surface.mean(axis=0)) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    shown = (space[:, :2] + SIDE / 2).astype(np.float32)
    mesh = triangles(FACEMESH_TESSELATION)
    picture = np.full((SIDE, SIDE, 3), 150, np.uint8)
    for corners in mesh[np.argsort(-space[mesh, 2].mean(axis=1))]:
        target = shown[corners]
        low, high = np.floor(target.min(axis=0)).astype(int), np.ceil(target.max(axis=0)).astype(int) + 1
        if abs(np.linalg.det(np.c_[target, np.ones(3)])) < 1:
            continue
        source = surface[corners, :2].astype(np.float32)
        affine = cv2.getAffineTransform(source, (target - low).astype(np.float32))
        width, height = (int(length) for length in high - low)
        patch = cv2.warpAffine(pixels, affine, (width, height))
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, np.round(target - low).astype(np.int32), (1,))
        area = picture[low[1] : high[1], low[0] : high[0]]
        area[mask > 0] = patch[mask > 0]
    return picture


@pytest.fixture
def large(pixels: Pixels, sample_face: Face) -> tuple[Pixels, Face]:
    return np.asarray(cv2.resize(pixels, None, fx=3, fy=3), np.uint8), sample_face.moved(3, 0, 0)


def test_the_angle_is_seen_in_the_picture(finder: FaceFinder, large: tuple[Pixels, Face]) -> None:
    angles = (-35, -20, 0, 20, 35)
    measured = []
    for angle in angles:
        (face,) = finder.find(render(*large, angle))
        measured.append(face.yaw)
        assert face.yaw == pytest.approx(angle, abs=8)
    assert all(one < other for one, other in itertools.pairwise(measured))


@pytest.mark.parametrize("angle", [-40, 40])
def test_a_turned_head_is_refused(finder: FaceFinder, large: tuple[Pixels, Face], angle: int) -> None:
    picture = render(*large, angle)
    with pytest.raises(FaceError, match=r"turned \d\d degrees"):
        require_animatable(choose(finder.find(picture), None), SIDE, SIDE)
