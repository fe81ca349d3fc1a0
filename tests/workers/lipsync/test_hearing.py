"""What the ears hear goes on frame by frame; the gate draws it towards silence, and loses none of it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from lipsync_worker.arrays import Floats
from lipsync_worker.gate import SilenceGate
from lipsync_worker.hearing import BLOCK, frames_in, hear
from tests.workers.lipsync.conftest import RATE, Speak

FPS = Fraction(25)
STEP = 640  # samples of a frame
SILENT = -5.0


class CountingEars:
    """Ears whose contexts are their own numbers, twice. They come in blocks of `size`, `late` frames late."""

    def __init__(self, size: int = 3, late: int = 0) -> None:
        self._size, self._late = size, late
        self._samples = self._given = 0

    @property
    def silent(self) -> Floats:
        return np.full((2, 2), SILENT, np.float32)

    def push(self, samples: Floats) -> Iterator[Floats]:
        self._samples += len(samples)
        yield from self._up_to(self._samples // STEP - self._late)

    def finish(self, frames: int) -> Iterator[Floats]:
        yield from self._up_to(frames)

    def _up_to(self, count: int) -> Iterator[Floats]:
        while self._given < count:
            numbers = np.arange(self._given, min(self._given + self._size, count), dtype=np.float32)
            self._given += len(numbers)
            yield np.broadcast_to(numbers[:, None, None], (len(numbers), 2, 2)).copy()


def everything(blocks: Iterator[Floats | None]) -> Floats:
    return np.concatenate([block for block in blocks if block is not None])


def pieces(sound: Floats, size: int = 1000) -> list[Floats]:
    return np.split(sound, range(size, len(sound), size))


@pytest.mark.parametrize(
    ("samples", "rate", "frames"),
    [
        (0, FPS, 1),
        (1, FPS, 1),
        (640, FPS, 1),
        (641, FPS, 2),
        (16_000, FPS, 25),
        (16_000, Fraction(24_000, 1001), 24),
        (16_000 * 1001, Fraction(24_000, 1001), 24_000),
        (16_000, Fraction(30_000, 1001), 30),
        (534, Fraction(30_000, 1001), 1),  # a frame is 533.87 samples
        (16_000 * 60, Fraction(60), 3600),
    ],
)
def test_frames_cover_the_sound_and_no_more(samples: int, rate: Fraction, frames: int) -> None:
    assert frames_in(samples, rate) == frames


def test_without_a_gate_what_is_heard_goes_on_as_it_is() -> None:
    sound = np.zeros(STEP * 10 + 5, np.float32)
    found = list(hear(pieces(sound), CountingEars(), None, FPS))
    assert [block[:, 0, 0].tolist() for block in found if block is not None][:2] == [[0], [1, 2]]
    assert everything(iter(found))[:, 1, 1].tolist() == list(range(11))


def test_where_nothing_has_come_it_says_so_and_goes_on_behind() -> None:
    sound = np.zeros(STEP * 4, np.float32)
    blocks = list(hear([sound[: STEP * 2], None, None, sound[STEP * 2 :]], CountingEars(), None, FPS))
    shown = [None if block is None else block[:, 0, 0].tolist() for block in blocks]
    assert shown == [[0, 1], None, None, [2, 3]]


@pytest.mark.parametrize("late", [0, 2, 30])
@pytest.mark.parametrize("size", [1, 3, BLOCK])
def test_with_a_gate_each_frame_comes_once_and_with_its_own_weight(
    speak: Speak, size: int, late: int
) -> None:
    sound = speak([("", 0.5), ("ɑ", 0.6), ("", 0.7), ("m", 0.3)]).samples
    frames = frames_in(len(sound), FPS)
    gate = SilenceGate(FPS)
    weights = np.concatenate([gate.push(sound), gate.finish(frames)])[:, None, None]
    numbers = np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    found = everything(hear(pieces(sound), CountingEars(size, late), SilenceGate(FPS), FPS))
    assert np.allclose(found, numbers + weights * (SILENT - numbers), atol=1e-4)
    assert found.dtype == np.float32
    assert (found[:8] == SILENT).all()
    assert np.array_equal(found[16:24], numbers[16:24])


def test_a_frame_of_a_live_voice_does_not_wait_for_the_end(speak: Speak) -> None:
    shown = 0
    sound = speak([("ɑ", 2.0)]).samples

    def coming() -> Iterator[Floats]:
        for count, piece in enumerate(pieces(sound, STEP)):
            assert shown >= count - 6, "the gate's 150 ms and the frame itself"
            yield piece

    for block in hear(coming(), CountingEars(1), SilenceGate(FPS), FPS):
        assert block is not None
        shown += len(block)
    assert shown == 50


def test_no_sound_at_all_is_one_frame_of_rest() -> None:
    assert everything(hear([], CountingEars(), SilenceGate(FPS), FPS)).tolist() == [[[SILENT] * 2] * 2]
    assert len(everything(hear([np.zeros(0, np.float32)], CountingEars(), None, FPS))) == 1


def test_frames_that_were_heard_before_their_weights_came_are_not_lost() -> None:
    sound = np.zeros(STEP * 100, np.float32)
    assert len(everything(hear(pieces(sound, STEP), CountingEars(), SilenceGate(FPS), FPS))) == 100


def test_a_long_sound_at_once_comes_in_blocks() -> None:
    sound = np.zeros(RATE * 10, np.float32)
    found = list(hear([sound], CountingEars(BLOCK), SilenceGate(FPS), FPS))
    assert max(len(block) for block in found if block is not None) <= BLOCK
    assert len(everything(iter(found))) == 250
