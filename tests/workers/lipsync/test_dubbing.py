"""Each frame gets the mouth of its own moment, and one without a face passes as it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.dubbing import Dubbed, Finish, crop_of, dub
from lipsync_worker.face_box import Box
from lipsync_worker.face_frame import FaceFrame
from shared_schema.stages import Dubbing
from tests.workers.lipsync.painter import (
    PATIENCE,
    Film,
    Made,
    Painter,
    Tape,
    context,
    levels,
    session,
    threads,
)


@pytest.fixture
def film(photo: Picture, frame: FaceFrame) -> Film:
    return Film(photo, frame)


@pytest.fixture
def tape() -> Tape:
    return Tape()


@pytest.mark.parametrize("batch", [1, 3, 4, 64])
@pytest.mark.parametrize("block", [1, 5, 11])
def test_each_frame_has_the_mouth_of_its_moment_in_order(
    film: Film, frame: FaceFrame, tape: Tape, *, batch: int, block: int
) -> None:
    asked = [10 * number for number in range(11)]
    blocks = [levels(*asked[at : at + block]) for at in range(0, 11, block)]
    painter = Painter(batch)
    assert dub(session(film, painter), blocks, tape.write, context()) == Dubbed(11, 0)
    assert tape.numbers == film.asked == list(range(11))
    assert tape.mouths(frame) == asked
    assert max(painter.batches) <= batch
    assert sum(painter.batches) == 11
    assert threads() == []


def test_outside_of_the_face_the_picture_is_as_it_was(film: Film, photo: Picture, tape: Tape) -> None:
    dub(session(film, Painter()), [levels(0)], tape.write, context())
    changed = np.abs(tape.pictures[0].astype(int) - photo).any(2)
    changed[0, 0] = False
    assert changed.any()
    film.box.of(changed.view(np.uint8))[:] = 0
    assert not changed.any()


def test_frames_without_a_face_pass_untouched_and_the_lips_do_not_slip(
    photo: Picture, frame: FaceFrame, tape: Tape
) -> None:
    faceless = {0, 4, 5, 6, 7, 8, 13}
    film, painter = Film(photo, frame, faceless), Painter(3)
    asked = [10 * number for number in range(14)]
    assert dub(session(film, painter), [levels(*asked)], tape.write, context()) == Dubbed(14, 7)
    assert tape.numbers == list(range(14))
    for number, (mouth, picture) in enumerate(zip(tape.mouths(frame), tape.pictures, strict=True)):
        if number in faceless:
            assert np.array_equal(picture[1:], photo[1:])
        else:
            assert mouth == asked[number]
    assert sum(painter.batches) == 7


def test_a_film_without_any_face_asks_the_network_nothing(
    photo: Picture, frame: FaceFrame, tape: Tape
) -> None:
    painter = Painter(3)
    made = dub(session(Film(photo, frame, range(7)), painter), [levels(*range(7))], tape.write, context())
    assert made == Dubbed(7, 7)
    assert (painter.batches, painter.looked) == ([], [])


def test_each_shot_is_looked_at_once_and_its_mouths_are_its_own(
    photo: Picture, frame: FaceFrame, tape: Tape
) -> None:
    film, painter = Film(photo, frame, keys=3), Painter(4)
    dub(session(film, painter), [levels(*[100] * 8)], tape.write, context())
    assert tape.mouths(frame) == [100, 101, 102, 100, 101, 102, 100, 101]
    assert len(painter.looked) == 3
    expected = cv2.resize(film.box.of(photo), (32, 32), interpolation=cv2.INTER_LANCZOS4)
    assert np.array_equal(painter.looked[0], expected)
    assert np.array_equal(crop_of(film.shot(0), 32), expected)


def test_where_nothing_has_come_what_there_is_is_written(film: Film, frame: FaceFrame, tape: Tape) -> None:
    written = threading.Semaphore(0)

    def write(picture: Picture) -> None:
        tape.write(picture)
        written.release()

    def coming() -> Iterator[Floats | None]:
        yield None
        yield levels(10, 20)
        yield levels(30)
        yield None
        for _ in range(3):
            assert written.acquire(timeout=PATIENCE), "a batch of 64 must not be waited for"
        yield None
        yield levels(40)

    assert dub(session(film, Painter(64)), coming(), write, context()) == Dubbed(4, 0)
    assert tape.mouths(frame) == [10, 20, 30, 40]


def test_a_batch_that_became_smaller_stays_so(film: Film, frame: FaceFrame, tape: Tape) -> None:
    class Shrinking(Painter):
        def render(self, references: Sequence[int], contexts: Floats) -> list[Made]:
            self.batch = 2  # as where memory was short
            return super().render(references, contexts)

    painter = Shrinking(8)
    dub(session(film, painter), [levels(*range(20))], tape.write, context())
    assert painter.batches == [8, 2, 2, 2, 2, 2, 2]
    assert tape.mouths(frame) == list(range(20))


def test_no_contexts_are_no_frames(film: Film, tape: Tape) -> None:
    assert dub(session(film, Painter()), [], tape.write, context()) == Dubbed(0, 0)
    assert dub(session(film, Painter()), [None, None], tape.write, context()) == Dubbed(0, 0)


def test_progress_counts_frames_that_are_written(film: Film, tape: Tape) -> None:
    told: list[tuple[str, int, int]] = []

    def progress(phase: str, done: int, total: int, _eta: float | None) -> None:
        assert done <= len(tape.pictures)
        told.append((phase, done, total))

    dub(session(film, Painter(2)), [levels(*range(7))], tape.write, context(progress=progress), total=7)
    assert told[0] == ("dubbing", 0, 7)
    assert told[-1] == ("dubbing", 7, 7)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_faces_are_matched_to_what_is_around_them_unless_that_is_not_wanted(
    film: Film, frame: FaceFrame, photo: Picture
) -> None:
    class Pale(Painter):
        """Gives back the face that it was shown, a little paler."""

        def render(self, references: Sequence[int], contexts: Floats) -> list[Made]:
            shown = np.stack([self.looked[reference] for reference in references])
            return [Made((0.9 * shown + 14).astype(np.uint8))]

    def off(dubbing: Dubbing) -> float:
        """How far the mouth's colour is from the photo's, in levels."""
        tape = Tape()
        dub(session(film, Pale(side=128), Finish.of(dubbing)), [levels(*[0] * 4)], tape.write, context())
        mouth = Box(*(frame.points[13, :2].astype(int) - 12), *(frame.points[13, :2].astype(int) + 12))
        return float(np.abs(mouth.of(tape.pictures[-1]).astype(float) - mouth.of(photo)).mean())

    assert off(Dubbing()) < 1.5
    assert off(Dubbing(match=False)) > 3
    assert off(Dubbing(compat=True)) > 3, "the original code did not match either"
