"""Forward, backward, forward: of a clip at its own rate each frame in turn, of others the one shown then."""

from __future__ import annotations

from fractions import Fraction

import pytest

from lipsync_worker.cycle import Cycle
from shared_schema.records import Shots

NTSC = Fraction(30_000, 1001)


def constant(count: int, rate: Fraction, digits: int = 15) -> Shots:
    times = [round(float(number / rate), digits) for number in range(count)]
    return Shots(640, 360, rate.numerator, rate.denominator, times)


@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(24_000, 1001), Fraction(120)])
@pytest.mark.parametrize("digits", [15, 3])
def test_at_its_own_rate_every_frame_comes_once_each_way_for_an_hour(rate: Fraction, digits: int) -> None:
    cycle = Cycle(constant(7, rate, digits))
    once = [0, 1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1, 0]
    assert [cycle.frame(number) for number in range(28)] == once * 2
    late = 14 * 6_000
    assert [cycle.frame(number) for number in range(late, late + 14)] == once


def test_two_frames_alternate() -> None:
    cycle = Cycle(constant(2, NTSC))
    assert [cycle.frame(number) for number in range(8)] == [0, 1, 1, 0, 0, 1, 1, 0]


def test_at_half_the_rate_every_other_frame_is_shown_and_at_twice_each_twice() -> None:
    shots = constant(6, Fraction(50))
    half = Cycle(shots, Fraction(25))
    assert [half.frame(number) for number in range(6)] == [1, 3, 5, 4, 2, 0]
    twice = Cycle(shots, Fraction(100))
    assert [twice.frame(number) for number in range(24)] == [
        0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5,
        5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0,
    ]  # fmt: skip


def test_of_an_irregular_clip_the_frame_of_that_moment_is_shown() -> None:
    # 0 until 0.1 s, 1 until 0.5, 2 until 0.6, 3 until 0.8: the length that its mean rate says.
    shots = Shots(640, 360, 5, 1, [0.0, 0.1, 0.5, 0.6])
    cycle = Cycle(shots, Fraction(10))
    assert [cycle.frame(number) for number in range(17)] == [
        0, 1, 1, 1, 1, 2, 3, 3,
        3, 3, 2, 1, 1, 1, 1, 0, 0,
    ]  # fmt: skip


def test_the_rate_is_the_clip_s_own_unless_another_is_wanted() -> None:
    assert Cycle(constant(9, NTSC)).rate == NTSC
    assert Cycle(constant(9, NTSC), Fraction(60)).rate == 60
