"""The frame around a face: even, of the right shape, the face whole, and placed as photographers do."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from shared_schema.errors import PhotoError
from shared_schema.stages import Aspect
from vision_worker.face import Box
from vision_worker.framing import DEFAULT_SIZE, MAX_ENLARGEMENT, Frame, frame

RATIOS = {Aspect.SQUARE: 1.0, Aspect.WIDE: 16 / 9, Aspect.TALL: 9 / 16}
CROPS = sorted(RATIOS)
SIZES = (None, 128, 255, 512, 1080, 2160)


def faces_in_pictures() -> Iterator[tuple[Box, float, tuple[int, int]]]:
    """Faces of 64 pixels and more, anywhere in pictures of any shape: box, height of the eyes, picture."""
    chance = random.Random(20)
    for _ in range(300):
        picture = chance.randint(80, 4000), chance.randint(100, 4000)
        width = chance.uniform(64, min(picture[0], picture[1] / 1.3))
        height = width * chance.uniform(1.0, 1.3)
        left, top = chance.uniform(0, picture[0] - width), chance.uniform(0, picture[1] - height)
        yield (left, top, left + width, top + height), top + 0.35 * height, picture


def all_frames(aspect: Aspect) -> Iterator[tuple[Box, tuple[int, int], int | None, Frame]]:
    for (box, eyes, picture), size in itertools.product(faces_in_pictures(), SIZES):
        yield box, picture, size, frame(box, eyes, picture, aspect, size)


def within(chosen: Frame, picture: tuple[int, int]) -> bool:
    right, bottom = chosen.left + chosen.width, chosen.top + chosen.height
    return chosen.left >= 0 and chosen.top >= 0 and right <= picture[0] and bottom <= picture[1]


@pytest.mark.parametrize("aspect", CROPS)
def test_what_is_shown_is_even_and_of_the_right_shape(aspect: Aspect) -> None:
    for _, _, size, chosen in all_frames(aspect):
        width, height = chosen.shown_width, chosen.shown_height
        assert width % 2 == height % 2 == 0
        assert abs(width - height * RATIOS[aspect]) <= 2
        if size is not None:
            assert min(width, height) == size // 2 * 2
        else:
            assert min(width, height) == min(DEFAULT_SIZE, 2 * min(chosen.width, chosen.height))
            assert chosen.scale <= MAX_ENLARGEMENT * 1.015
        assert chosen.shown_height / chosen.height == pytest.approx(chosen.scale, rel=0.015)


@pytest.mark.parametrize("aspect", CROPS)
def test_the_face_is_always_whole(aspect: Aspect) -> None:
    for box, _, _, chosen in all_frames(aspect):
        assert chosen.left <= box[0] + 0.5
        assert chosen.top <= box[1] + 0.5
        assert chosen.left + chosen.width >= box[2] - 0.5
        assert chosen.top + chosen.height >= box[3] - 0.5


@pytest.mark.parametrize("aspect", CROPS)
def test_the_frame_leaves_the_picture_only_where_the_face_would_not_fit(aspect: Aspect) -> None:
    ratio, outside = RATIOS[aspect], 0
    for box, picture, _, chosen in all_frames(aspect):
        height = min(picture[1], picture[0] / ratio)
        if box[3] - box[1] < 0.85 * height and box[2] - box[0] < 0.85 * height * ratio:
            assert within(chosen, picture)
        outside += not within(chosen, picture)
    assert outside  # else the loop has not tried a tight one


@pytest.mark.parametrize("aspect", CROPS)
def test_with_room_the_eyes_stand_a_little_below_the_upper_third(aspect: Aspect) -> None:
    box, eyes = (1900.0, 1400.0, 2100.0, 1640.0), 1490.0
    chosen = frame(box, eyes, (4000, 3000), aspect, None)
    assert (eyes - chosen.top) / chosen.height == pytest.approx(0.38, abs=0.01)
    assert chosen.left + chosen.width / 2 == pytest.approx(2000, abs=1)
    assert 2.5 * 240 < chosen.height < 5 * 240


def test_near_the_edge_the_frame_is_moved_not_shrunk() -> None:
    middle = frame((1900, 1400, 2100, 1640), 1490, (4000, 3000), Aspect.SQUARE, None)
    corner = frame((10, 10, 210, 250), 100, (4000, 3000), Aspect.SQUARE, None)
    assert (corner.left, corner.top) == (0, 0)
    assert (corner.width, corner.height) == (middle.width, middle.height)


def test_a_small_part_is_enlarged_to_what_lip_sync_wants() -> None:
    chosen = frame((200, 100, 280, 200), 140, (640, 480), Aspect.SQUARE, None)
    assert (chosen.width, chosen.height) == (360, 360)
    assert (chosen.shown_width, chosen.shown_height) == (512, 512)


def test_a_very_small_part_is_enlarged_to_twice_its_size_and_no_more() -> None:
    chosen = frame((200, 100, 264, 164), 126, (640, 480), Aspect.SQUARE, None)
    assert (chosen.width, chosen.height) == (230, 230)
    assert (chosen.shown_width, chosen.shown_height) == (460, 460)
    asked = frame((200, 100, 264, 164), 126, (640, 480), Aspect.SQUARE, 720)
    assert (asked.shown_width, asked.shown_height) == (720, 720)


def test_the_photos_own_shape_keeps_the_whole_picture() -> None:
    for (box, eyes, picture), size in itertools.product(faces_in_pictures(), SIZES):
        if max(picture) > 4 * min(picture):
            continue
        chosen = frame(box, eyes, picture, Aspect.PHOTO, size)
        assert (chosen.left, chosen.top) == (0, 0)
        assert picture[0] - chosen.width in {0, 1}
        assert picture[1] - chosen.height in {0, 1}
        assert chosen.shown_width % 2 == chosen.shown_height % 2 == 0
        wanted = min(DEFAULT_SIZE, *picture) if size is None else size
        assert min(chosen.shown_width, chosen.shown_height) == wanted // 2 * 2


@pytest.mark.parametrize("picture", [(4100, 1000), (1000, 4100)])
def test_a_panorama_is_refused_whole_and_taken_in_part(picture: tuple[int, int]) -> None:
    box = (400.0, 400.0, 500.0, 520.0)
    with pytest.raises(PhotoError, match="too long and narrow") as caught:
        frame(box, 440, picture, Aspect.PHOTO, None)
    assert "--aspect" in caught.value.hint
    assert within(frame(box, 440, picture, Aspect.SQUARE, None), picture)
