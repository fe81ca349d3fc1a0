"""A face is followed frame by frame: where it is, whose it is, and when it is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared_schema.engine import Context
from shared_schema.errors import FaceError
from shared_schema.frames import Frames
from shared_schema.messages import Task
from shared_schema.stages import Stage, TrackParams
from shared_schema.tracks import Track
from tests.workers.vision.clips import Actor, Stand, background, hopper, off, stage, write_clip
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels
from vision_worker.tracking import track_face

Cast = Iterable[Sequence[tuple[Actor, Stand]]]
TrackClip = Callable[..., Track]

ERROR = 0.015
"""Root mean square of the points from where they should be, in face widths; measured: at most 0.0105."""


@pytest.fixture
def collins(pixels: Pixels, sample_face: Face) -> Actor:
    return Actor(pixels, sample_face)


@pytest.fixture
def grace(finder: FaceFinder) -> Actor:
    half = np.asarray(cv2.resize(hopper(), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    (face,) = finder.find(half)
    return Actor(half, face)


@pytest.fixture
def track_clip(finder: FaceFinder, tmp_path: Path) -> TrackClip:
    """`track_clip(frames, face=None, smooth=False)`: the track of a clip that went through a file."""

    def track(frames: Iterable[Pixels], *, face: int | None = None, smooth: bool = False) -> Track:
        params = TrackParams(face=face, smooth=smooth)
        task = Task("test", 1, Stage.FACE, "mediapipe-track", str(tmp_path), {}, params, 0)
        with Frames([write_clip(tmp_path / "frames.npy", frames)]) as batch:
            return track_face(finder, batch, params, Context(task))

    return track


def walk(count: int, *, way: float = 120.0, period: int = 50) -> list[Stand]:
    """To and fro by `way` pixels, nearer and farther, the head rolling."""
    turns = 2 * np.pi * np.arange(count)
    x, y = 320 + way * np.sin(turns / period), 180 + 20 * np.cos(turns / period)
    scale, roll = 1.2 + 0.24 * np.sin(turns / 70), 12 * np.sin(turns / 60)
    return [Stand(*values) for values in zip(x, y, scale, roll, strict=True)]


def seen(track: Track) -> list[int]:
    return [int(index) for index in np.flatnonzero(np.asarray(track.seen))]


def errors(track: Track, actor: Actor, stands: Sequence[Stand]) -> NDArray[np.float64]:
    """Of the frames in which the face was seen."""
    points = np.asarray(track.points)
    return np.array([off(points[index], actor.points(stands[index])) for index in seen(track)])


def alone(actor: Actor, stands: Iterable[Stand]) -> Cast:
    return [[(actor, stand)] for stand in stands]


@pytest.mark.parametrize(("way", "period"), [(0.0, 50), (120.0, 50), (200.0, 20)])
def test_a_moving_face_is_followed(collins: Actor, track_clip: TrackClip, way: float, period: int) -> None:
    """Up to 63 pixels a frame, more than half its width."""
    stands = walk(45, way=way, period=period)
    track = track_clip(stage(alone(collins, stands), behind=background()))
    assert seen(track) == list(range(45))
    assert set(track.scene) == {0}
    assert errors(track, collins, stands).max() < ERROR
    measured = np.asarray(track.roll) - [stand.roll for stand in stands]
    assert measured == pytest.approx(collins.face.pose.roll, abs=2)
    assert np.asarray(track.yaw) == pytest.approx(collins.face.yaw, abs=5)
    assert np.asarray(track.pitch) == pytest.approx(collins.face.pose.pitch, abs=6)


def test_smoothing_stills_a_face_at_rest_and_keeps_up_with_a_moving_one(
    collins: Actor, track_clip: TrackClip
) -> None:
    """A third of the tremble; behind by less than a hundredth of the width."""
    still = list(stage(alone(collins, [Stand(320, 180, 1.2)] * 40), behind=background()))
    raw, calm = (np.asarray(track_clip(still, smooth=smooth).points) for smooth in (False, True))
    assert np.diff(raw[5:], 2, axis=0).std() / np.diff(calm[5:], 2, axis=0).std() > 3
    stands = walk(45)
    moving = list(stage(alone(collins, stands), behind=background()))
    assert errors(track_clip(moving, smooth=True), collins, stands).max() < ERROR + 0.005


def test_after_a_cut_the_face_of_the_new_scene_is_followed(
    collins: Actor, grace: Actor, track_clip: TrackClip
) -> None:
    stands = walk(12) + [Stand(180 + 3 * step, 180) for step in range(12)]
    frames = [
        *stage(alone(collins, stands[:12]), behind=background()),
        *stage(alone(grace, stands[12:]), behind=background(9)),
    ]
    for smooth in (False, True):
        track = track_clip(frames, smooth=smooth)
        assert list(track.scene) == [0] * 12 + [1] * 12
        assert seen(track) == list(range(24))
        points = np.asarray(track.points)
        assert max(off(points[index], grace.points(stands[index])) for index in range(12, 24)) < 0.02


def test_frames_without_a_face_are_not_filled(collins: Actor, track_clip: TrackClip) -> None:
    stands = walk(30)
    cast = [[(collins, stand)] if not 10 <= index < 20 else [] for index, stand in enumerate(stands)]
    track = track_clip(stage(cast, behind=background()), smooth=True)
    assert seen(track) == [*range(10), *range(20, 30)]
    for values in (track.points, track.yaw, track.pitch, track.roll):
        array = np.asarray(values).reshape(30, -1)
        assert np.isnan(array[10:20]).all()
        assert np.isfinite(array[[*range(10), *range(20, 30)]]).all()
    assert errors(track, collins, stands).max() < 0.02


def test_a_clip_may_begin_without_a_face_or_hold_none(collins: Actor, track_clip: TrackClip) -> None:
    empty: list[list[tuple[Actor, Stand]]] = [[] for _ in range(8)]
    assert seen(track_clip(stage(empty, behind=background()))) == []
    late = [*empty, *alone(collins, walk(8))]
    assert seen(track_clip(stage(late, behind=background()))) == list(range(8, 16))


def test_a_face_that_is_covered_for_a_moment_is_found_again(collins: Actor, track_clip: TrackClip) -> None:
    """A board is carried past. While it hides the mouth's middle nothing is claimed."""
    stands = [Stand(320, 180, 1.3)] * 40
    frames = list(stage(alone(collins, stands), behind=background()))
    for index, frame in enumerate(frames):
        frame[:, max(0, 16 * index - 20) : max(0, 16 * index + 130)] = (90, 110, 70)
    track = track_clip(frames)
    hidden = range(13, 21)  # the board is before the nose
    assert not set(hidden) & set(seen(track))
    assert set(seen(track)) >= {*range(8), *range(26, 40)}
    assert errors(track, collins, stands).max() < 0.05


def crossing(left: Actor, right: Actor, count: int, *, left_in_front: bool) -> Cast:
    """Two people change places, one behind the other."""
    for step in range(count):
        pair = [(left, going(step, count)), (right, going(count - 1 - step, count))]
        yield pair[::-1] if left_in_front else pair


def going(step: int, count: int) -> Stand:
    return Stand(120 + 400 * step / (count - 1), 180, 1.2)


@pytest.mark.parametrize("left_in_front", [True, False])
@pytest.mark.parametrize("face", [1, 2])
def test_the_same_person_is_followed_when_two_cross(
    collins: Actor, grace: Actor, track_clip: TrackClip, face: int, left_in_front: bool
) -> None:
    count = 50
    frames = stage(crossing(collins, grace, count, left_in_front=left_in_front), behind=background())
    track = track_clip(frames, face=face)
    stands = [going(step if face == 1 else count - 1 - step, count) for step in range(count)]
    wrong = errors(track, collins if face == 1 else grace, stands)
    assert wrong.max() < 0.1  # the other person would be up to four widths away
    assert np.median(wrong) < ERROR
    in_front = (face == 1) == left_in_front
    assert len(seen(track)) == count if in_front else count * 0.6 < len(seen(track)) < count


def test_of_several_people_one_must_be_named_at_the_start(
    collins: Actor, grace: Actor, track_clip: TrackClip
) -> None:
    frames = list(stage([[(collins, Stand(160, 180)), (grace, Stand(480, 180))]] * 3, behind=background()))
    with pytest.raises(FaceError, match="There are 2 faces"):
        track_clip(frames)
    with pytest.raises(FaceError, match="There is no face 3"):
        track_clip(frames, face=3)


def test_in_later_scenes_the_number_counts_anew_and_else_the_largest_is_taken(
    collins: Actor, grace: Actor, track_clip: TrackClip
) -> None:
    small, large = Stand(480, 180, 0.9), Stand(160, 180, 1.5)
    both = [[(collins, large), (grace, small)]] * 6
    opening = [[(collins, Stand(320, 180, 1.2))]] * 6
    frames = [*stage(opening, behind=background()), *stage(both, behind=background(9))]
    middle = {
        face: float(np.asarray(track_clip(frames, face=face).points)[-1, :, 0].mean()) for face in (None, 1)
    }
    assert middle == pytest.approx({None: 160, 1: 160}, abs=15)
    frames = [*stage(both, behind=background(9)), *stage(both, behind=background(4))]
    assert np.asarray(track_clip(frames, face=2).points)[-1, :, 0].mean() == pytest.approx(480, abs=15)


def test_somebody_else_who_comes_later_is_not_taken_for_the_same(
    collins: Actor, grace: Actor, track_clip: TrackClip
) -> None:
    place = Stand(320, 180, 1.2)
    cast: list[Any] = [[(collins, place)]] * 8 + [[]] * 4 + [[(grace, place)]] * 8 + [[(collins, place)]] * 4
    track = track_clip(stage(cast, behind=background()))
    assert set(track.scene) == {0}
    assert seen(track) == [*range(8), *range(20, 24)]
