"""What goes wrong while frames are dubbed comes out as it is; nobody waits in vain, and no thread stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.dubbing import dub
from lipsync_worker.face_frame import FaceFrame
from shared_schema.errors import Cancelled, OutputError
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
    assert len(painter.batches) <= 3  # one is written, one waits, one cannot be handed on
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
