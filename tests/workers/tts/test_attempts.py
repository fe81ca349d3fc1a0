"""What counts as gone wrong with a generation, and that it is tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from shared_schema.errors import EngineFailed
from tts_worker.attempts import Bounds, sound
from tts_worker.chunk import Samples
from tts_worker.text import halved

LOG = logging.getLogger("test")
QUIET, LOUD = np.zeros(10, np.float32), np.full(10, 0.5, np.float32)


def given(*attempts: list[Samples], faults: tuple[str, ...] = ("", "", "")) -> list[Samples]:
    """The pieces that are handed on when the attempts give these."""

    def attempt(number: int) -> tuple[Iterator[Samples], Callable[[], str]]:
        return iter(attempts[number]), lambda: faults[number]

    return list(sound(attempt, "words", LOG))


def test_the_first_good_attempt_is_handed_on_piece_by_piece() -> None:
    assert [len(piece) for piece in given([LOUD, LOUD, QUIET])] == [10, 10, 10]


def test_a_silent_one_is_repeated_in_pieces_or_whole(caplog: pytest.LogCaptureFixture) -> None:
    for silent in ([QUIET], [QUIET, QUIET, QUIET], []):
        caplog.clear()
        assert np.array_equal(np.concatenate(given(silent, [LOUD])), LOUD)
        assert "Attempt 1 of 3 at 'words' went wrong: it is silent." in caplog.text


def test_silence_before_the_first_sound_is_no_fault_and_stays() -> None:
    first, second = given([QUIET, QUIET, LOUD, LOUD])
    assert np.array_equal(first, np.concatenate([QUIET, QUIET, LOUD]))
    assert np.array_equal(second, LOUD)


def test_silence_three_times_is_an_error() -> None:
    with pytest.raises(EngineFailed, match="silent, 3 times, at: words"):
        given([QUIET], [], [QUIET, QUIET])


def test_a_faulty_one_that_can_be_heard_is_taken_in_the_end() -> None:
    assert len(given([LOUD], [LOUD], [LOUD], faults=("a", "b", "c"))) == 1


@pytest.mark.parametrize(
    ("seconds", "ended", "fault"),
    [
        (1.0, True, ""),
        (0.1, True, "it was over in 0.1 s"),
        (9.0, False, "it did not come to an end in 9.0 s"),
    ],
)
def test_a_length_tells_what_went_wrong(seconds: float, ended: bool, fault: str) -> None:
    assert Bounds("Twenty letters, or so.", "en").fault(seconds, ended=ended) == fault


def test_a_text_is_halved_between_words_until_each_part_fits() -> None:
    text = "one two three four"
    assert halved(text, lambda part: len(part) <= 30) == [text]
    parts = halved(text, lambda part: len(part) <= 7)
    assert "".join(parts) == text
    assert all(part.strip() in text.split() or len(part) <= 7 for part in parts)
    assert halved("abcdef", lambda part: len(part) <= 2) == ["a", "bc", "d", "ef"]
    assert halved("ab", lambda _part: False) == ["a", "b"]
