"""Which face is meant, and the plain words for why one cannot be used."""

from __future__ import annotations

import numpy as np
import pytest

from shared_schema.errors import FaceError
from vision_worker.choice import choose, require_animatable, subjects
from vision_worker.face import Face


def scaled(face: Face, width: float, left: float = 0.0) -> Face:
    return shifted(face.moved(width / face.width, 0, 0), left, 0)


def shifted(face: Face, x: float, y: float) -> Face:
    return Face(face.points + np.array([x, y, 0.0]))


def test_no_face() -> None:
    with pytest.raises(FaceError, match="No face was found"):
        choose([], None)


def test_one_face_needs_no_number(sample_face: Face) -> None:
    assert choose([sample_face], None) is sample_face
    assert choose([sample_face], 1) is sample_face


def test_several_faces_need_a_number_and_the_message_says_how(sample_face: Face) -> None:
    faces = [scaled(sample_face, 100, left) for left in (0, 300, 600)]
    with pytest.raises(FaceError, match="There are 3 faces") as caught:
        choose(faces, None)
    assert "--face N" in caught.value.hint
    assert "1 is the leftmost" in caught.value.hint
    assert [choose(faces, number) for number in (1, 2, 3)] == faces


@pytest.mark.parametrize(("count", "words"), [(1, "one face"), (2, "2 faces")])
def test_a_number_beyond_the_last_face(sample_face: Face, count: int, words: str) -> None:
    with pytest.raises(FaceError, match=f"There is no face 4: the picture has {words}"):
        choose([sample_face] * count, 4)


def test_a_face_that_is_too_small_is_measured(sample_face: Face) -> None:
    with pytest.raises(FaceError, match=r"is 63 pixels wide; at least 64"):
        choose([scaled(sample_face, 63.0)], None)


def test_faces_in_the_background_do_not_count(sample_face: Face) -> None:
    large, small = scaled(sample_face, 400), scaled(sample_face, 90, 900)
    assert subjects([large, small]) == [large]
    assert choose([large, small], None) is large
    assert len(subjects([large, scaled(sample_face, 110, 900)])) == 2


def test_a_whole_frontal_face_is_taken(sample_face: Face) -> None:
    require_animatable(sample_face, 512, 512)


@pytest.mark.parametrize(
    ("edge", "x", "y"), [("left", -1, 0), ("right", 1, 0), ("top", 0, -1), ("bottom", 0, 1)]
)
def test_a_face_beyond_the_edge_is_refused_by_the_edges_name(
    sample_face: Face, edge: str, x: int, y: int
) -> None:
    left, top, right, bottom = sample_face.box
    reach = {"left": left, "right": 512 - right, "top": top, "bottom": 512 - bottom}[edge]
    outside = reach + 0.2 * sample_face.width
    with pytest.raises(FaceError, match=f"cut off at the {edge} edge"):
        require_animatable(shifted(sample_face, x * outside, y * outside), 512, 512)
    touching = reach + 0.02 * sample_face.width
    require_animatable(shifted(sample_face, x * touching, y * touching), 512, 512)


def test_points_beyond_the_edge_are_written_at_the_edge(sample_face: Face) -> None:
    mesh = shifted(sample_face, -sample_face.box[0] - 1.5, 0).mesh(512, 512)
    points = np.array(mesh.points)
    assert points[:, 0].min() == 0
    assert (mesh.width, mesh.height, len(mesh.points)) == (512, 512, 478)
