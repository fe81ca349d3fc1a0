"""A video to be dubbed: which frame when, where its face is, and what is left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync_worker.arrays import Floats
from lipsync_worker.clip import Clip
from lipsync_worker.driven import Driven, steady
from lipsync_worker.face_box import Box
from shared_schema.errors import FaceError, InputError
from shared_schema.mesh import POINT_COUNT
from shared_schema.records import Shots
from shared_schema.tracks import Track
from tests.workers.lipsync.clips import HEIGHT, WIDTH, card, number_on, write_video

FRAMES = 12
RATE = Fraction(25)
FACE = Box(100, 40, 180, 120)


def box_around(points: Floats, _size: tuple[int, int]) -> Box:
    """A box as wide and high as the points; a face that left the picture is none."""
    if points[:, 0].max() > WIDTH:
        raise FaceError("It left.")
    (left, top), (right, bottom) = points[:, :2].min(0), points[:, :2].max(0)
    return Box(round(left), round(top), round(right), round(bottom))


def track_of(places: Sequence[tuple[float, float] | None], scenes: Sequence[int] | None = None) -> Track:
    """A face of `FACE`'s size at each of these places, unseen where that is None."""
    points = np.full((len(places), POINT_COUNT, 3), np.nan, np.float32)
    for number, place in enumerate(places):
        if place is not None:
            points[number] = 0
            points[number, :, :2] = place
            points[number, 1, :2] += (FACE.width, FACE.height)
    seen = np.array([place is not None for place in places])
    angles = np.where(seen, 0, np.nan).astype(np.float32)
    scene = np.asarray(scenes if scenes is not None else [0] * len(places), np.int32)
    arrays = (points, seen, scene, angles, angles, angles)
    return Track(*(memoryview(np.ascontiguousarray(array)) for array in arrays))


def shots_of(count: int = FRAMES, **changes: float) -> Shots:
    settings = {"width": WIDTH, "height": HEIGHT, "fps_numerator": 25, "fps_denominator": 1} | changes
    return Shots(times=[number / 25 for number in range(count)], **settings)  # type: ignore[arg-type]


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Cards numbered from 0, at 25 a second."""
    return Clip(write_video(tmp_path / "cards.mp4", (card(number) for number in range(FRAMES))))


def still_at(place: tuple[float, float] = (100, 40)) -> list[tuple[float, float] | None]:
    return [place] * FRAMES


def test_frames_go_to_and_fro_for_as_long_as_there_is_something_to_say(clip: Clip) -> None:
    footage = Driven(clip, shots_of(), track_of(still_at()), RATE, box_around, smooth=True)
    shots = [footage.shot(number) for number in range(3 * FRAMES)]
    forth = list(range(FRAMES))
    assert [number_on(shot.picture) for shot in shots] == forth + forth[::-1] + forth
    assert [shot.key for shot in shots] == forth + forth[::-1] + forth
    assert {shot.box for shot in shots} == {FACE}
    footage.close()


def test_a_frame_without_a_face_keeps_its_place_and_has_no_box(clip: Clip) -> None:
    places = still_at()
    places[4] = places[5] = None
    footage = Driven(clip, shots_of(), track_of(places), RATE, box_around, smooth=True)
    shots = [footage.shot(number) for number in range(FRAMES)]
    assert [number_on(shot.picture) for shot in shots] == list(range(FRAMES))
    assert [shot.box is None for shot in shots] == [number in {4, 5} for number in range(FRAMES)]
    assert [shot.points is None for shot in shots] == [shot.box is None for shot in shots]


def test_a_face_that_leaves_the_picture_is_as_good_as_unseen(clip: Clip) -> None:
    places = still_at()
    places[3] = (300, 40)
    footage = Driven(clip, shots_of(), track_of(places), RATE, box_around, smooth=True)
    assert footage.shot(3).box is None
    assert footage.shot(2).box == FACE


def test_a_face_that_was_followed_in_smaller_frames_is_where_it_is_in_the_whole_ones(clip: Clip) -> None:
    half = track_of([(50, 20)] * FRAMES)
    points = np.asarray(half.points).copy()
    points[:, 1, :2] -= (FACE.width / 2, FACE.height / 2)
    small = Track(memoryview(points), half.seen, half.scene, half.yaw, half.pitch, half.roll)
    footage = Driven(clip, shots_of(scale=0.5), small, RATE, box_around, smooth=True)
    assert footage.shot(0).box == FACE


def test_a_video_without_any_face_is_refused(clip: Clip) -> None:
    with pytest.raises(FaceError, match="No frame"):
        Driven(clip, shots_of(), track_of([None] * FRAMES), RATE, box_around, smooth=True)


def test_a_track_of_another_video_is_refused(clip: Clip) -> None:
    with pytest.raises(InputError, match="another video"):
        Driven(clip, shots_of(), track_of([(100, 40)] * (FRAMES - 1)), RATE, box_around, smooth=True)
    with pytest.raises(InputError, match="another video"):
        Driven(clip, shots_of(width=WIDTH * 2), track_of(still_at()), RATE, box_around, smooth=True)


def test_a_trembling_box_is_held_steady_and_a_moving_one_is_followed() -> None:
    rng = np.random.default_rng(5)
    tremble = rng.integers(-2, 3, (100, 2))
    path = [(int(dx) + number, int(dy) + 40) for number, (dx, dy) in enumerate(tremble)]
    boxes = [Box(x, y, x + 80, y + 80) for x, y in path]
    smooth = [box for box in steady(boxes, [0] * 100, 2.0) if box is not None]
    assert len(smooth) == 100
    inside = slice(10, 90)
    off = np.array([box.left - number for number, box in enumerate(smooth)])[inside]
    assert np.abs(off).max() <= 1.5
    assert np.abs(tremble[inside, 0]).max() == 2
    assert np.std(np.diff(off)) < np.std(np.diff(tremble[inside, 0])) / 3


def test_boxes_are_not_averaged_across_a_cut_or_a_gap() -> None:
    here, there = Box(0, 0, 80, 80), Box(200, 0, 280, 80)
    assert steady([here] * 6 + [there] * 6, [0] * 6 + [1] * 6, 2.0) == [here] * 6 + [there] * 6
    assert steady([here] * 6 + [None] + [there] * 6, [0] * 13, 2.0) == [here] * 6 + [None] + [there] * 6
    mixed = steady([here] * 6 + [there] * 6, [0] * 12, 2.0)
    assert mixed[5] not in {here, there}


def test_without_smoothing_boxes_are_those_of_each_frame(clip: Clip) -> None:
    places: list[tuple[float, float] | None] = [(100 + number % 3, 40) for number in range(FRAMES)]
    rough = Driven(clip, shots_of(), track_of(places), RATE, box_around, smooth=False)
    assert [rough.shot(number).box for number in range(3)] == [
        Box(100, 40, 180, 120), Box(101, 40, 181, 120), Box(102, 40, 182, 120),
    ]  # fmt: skip
