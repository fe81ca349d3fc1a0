"""Each frame gets the mouth of its own moment, and one without a face passes as it is."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.dubbing import AHEAD, Dubbed, Finish, Session, crop_of, dub
from lipsync_worker.face_box import Box, musetalk_box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.footage import Footage, Shot
from shared_schema.engine import Context
from shared_schema.errors import Cancelled, OutputError
from shared_schema.messages import Task
from shared_schema.stages import Dubbing, LipsyncParams, Mask, Stage

PATIENCE = 10.0
RAW = Finish.of(Dubbing(mask=Mask.LANDMARKS, match=False))


@dataclass
class Made:
    """Faces that are there."""

    faces: NDArray[np.uint8]

    def pictures(self) -> NDArray[np.uint8]:
        return self.faces


@dataclass
class Painter:
    """A network in NumPy: paints a whole face in the level that it hears, plus what it knows of the face."""

    batch: int = 4
    side: int = 32
    looked: list[Picture] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def refer(self, crop: Picture) -> int:
        self.looked.append(crop)
        return len(self.looked) - 1

    def render(self, references: Sequence[int], contexts: Floats) -> list[Made]:
        self.batches.append(len(contexts))
        levels = contexts[:, 0] + np.asarray(references)
        faces = np.broadcast_to(levels[:, None, None, None], (len(levels), self.side, self.side, 3))
        # Networks that run short of memory give a batch in parts.
        return [Made(faces[:1].astype(np.uint8)), Made(faces[1:].astype(np.uint8))]


class Once:
    """What is known of shots, by their keys."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}

    def of(self, key: int, look: Any) -> Any:
        if key not in self._known:
            self._known[key] = look()
        return self._known[key]


class Film(Footage):
    """Frames of the photo, each with its number in a corner; of some the face is not seen."""

    def __init__(self, photo: Picture, frame: FaceFrame, faceless: Iterable[int] = (), keys: int = 1) -> None:
        self.size = (photo.shape[1], photo.shape[0])
        self._photo, self._points, self._faceless, self._keys = photo, frame.points, set(faceless), keys
        self.box = musetalk_box(frame.points, self.size, "v1.5")
        self.asked: list[int] = []

    def shot(self, number: int) -> Shot:
        self.asked.append(number)
        picture = self._photo.copy()
        picture[0, 0] = number
        if number in self._faceless:
            return Shot(picture, None, None, number % self._keys, 0)
        return Shot(picture, self._points, self.box, number % self._keys, 0)


@dataclass
class Tape:
    """What was written."""

    pictures: list[Picture] = field(default_factory=list)

    def write(self, picture: Picture) -> None:
        self.pictures.append(picture.copy())

    @property
    def numbers(self) -> list[int]:
        return [int(picture[0, 0, 0]) for picture in self.pictures]

    def mouths(self, frame: FaceFrame) -> list[int]:
        """The level in the middle of each mouth."""
        x, y = frame.points[13, :2].astype(int)
        return [int(picture[y, x, 0]) for picture in self.pictures]


@pytest.fixture
def film(photo: Picture, frame: FaceFrame) -> Film:
    return Film(photo, frame)


@pytest.fixture
def tape() -> Tape:
    return Tape()


def session(film: Footage, dubber: Painter, finish: Finish = RAW) -> Session:
    return Session(film, dubber, Once(), finish)


def levels(*numbers: int) -> Floats:
    """Contexts that ask for these levels."""
    return np.repeat(np.asarray(numbers, np.float32)[:, None], 3, axis=1)


def context(**sinks: Any) -> Context:
    task = Task("test", 1, Stage.LIPSYNC, "painter", "/nowhere", {}, LipsyncParams())
    return Context(task, **sinks)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "paste"]


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


def test_the_network_is_not_far_ahead_of_the_writer(film: Film) -> None:
    painter, may_go_on, begun = Painter(2), threading.Event(), threading.Event()

    def write(_picture: Picture) -> None:
        begun.set()
        assert may_go_on.wait(PATIENCE)

    dubs = threading.Thread(target=dub, args=(session(film, painter), [levels(*range(40))], write, context()))
    dubs.start()
    assert begun.wait(PATIENCE)
    dubs.join(0.3)
    assert dubs.is_alive()
    assert len(painter.batches) <= 1 + AHEAD + 1  # one is written, some wait, one cannot be handed on
    may_go_on.set()
    dubs.join(PATIENCE)
    assert len(painter.batches) == 20


def test_an_error_of_the_writer_comes_out_as_it_is(film: Film, tape: Tape) -> None:
    def write(picture: Picture) -> None:
        if len(tape.pictures) == 5:
            raise OutputError("The disk is full.")
        tape.write(picture)

    with pytest.raises(OutputError, match="disk is full"):
        dub(session(film, Painter(2)), (levels(number) for number in range(200)), write, context())
    assert tape.numbers == [0, 1, 2, 3, 4]
    assert threads() == []


def test_an_error_in_the_last_frame_comes_out_too(film: Film) -> None:
    def write(_picture: Picture) -> None:
        raise OutputError("The disk is full.")

    with pytest.raises(OutputError, match="disk is full"):
        dub(session(film, Painter(8)), [levels(1)], write, context())


def test_an_error_of_the_network_comes_out_and_no_thread_stays(film: Film, tape: Tape) -> None:
    class Failing(Painter):
        def render(self, references: Sequence[int], contexts: Floats) -> list[Made]:
            if len(self.batches) == 2:
                raise MemoryError
            return super().render(references, contexts)

    with pytest.raises(MemoryError):
        dub(session(film, Failing(2)), [levels(*range(20))], tape.write, context())
    assert tape.numbers == list(range(len(tape.numbers)))
    assert threads() == []


def test_a_batch_that_fails_when_its_faces_are_wanted_is_an_error_too(film: Film, tape: Tape) -> None:
    class Late(Made):
        def pictures(self) -> NDArray[np.uint8]:
            raise MemoryError

    class Failing(Painter):
        def render(self, _references: Sequence[int], contexts: Floats) -> list[Made]:
            return [Late(np.zeros((len(contexts), 32, 32, 3), np.uint8))]

    with pytest.raises(MemoryError):
        dub(session(film, Failing(2)), [levels(*range(6))], tape.write, context())
    assert tape.pictures == []


def test_a_cancelled_task_stops_within_a_batch(film: Film, tape: Tape) -> None:
    cancelled = threading.Event()

    def coming() -> Iterator[Floats]:
        for number in range(200):
            if number == 6:
                cancelled.set()
            yield levels(number)

    with pytest.raises(Cancelled):
        dub(session(film, Painter(2)), coming(), tape.write, context(cancelled=cancelled))
    assert len(tape.pictures) <= 8
    assert threads() == []


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
