"""A sentence's sound loses the silence at its ends and its peaks, and clicks nowhere, also in pieces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tts_worker.level import FADE_SECONDS, PEAK, edged, faded, limited

RATE = 24_000
SILENCE = np.zeros(RATE // 2, np.float32)


def tone(seconds: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def joined(*pieces: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *edged(pieces, RATE)])


def test_silence_goes_and_a_moment_of_it_stays() -> None:
    sound = joined(np.concatenate([SILENCE, tone(1.0), SILENCE]))
    assert len(sound) == pytest.approx(1.04 * RATE, abs=RATE // 200)


@pytest.mark.parametrize("size", [100, 999, 12_000, 50_000])
def test_pieces_of_any_size_give_the_same_sound(size: int) -> None:
    whole = np.concatenate([SILENCE, tone(0.7), SILENCE, tone(0.4), SILENCE])
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert np.array_equal(joined(*pieces), joined(whole))


def test_a_pause_inside_is_kept() -> None:
    sound = joined(tone(0.5), SILENCE, tone(0.5))
    assert len(sound) == pytest.approx(1.5 * RATE, abs=RATE // 20)


def test_the_first_piece_comes_before_the_last_is_made() -> None:
    made = []

    def pieces() -> Iterator[np.ndarray]:
        for number in range(3):
            made.append(number)
            yield tone(0.5)

    stream = edged(pieces(), RATE)
    assert len(next(stream)) > 0.4 * RATE
    assert made == [0]


def test_nothing_comes_of_silence() -> None:
    assert len(joined(SILENCE, SILENCE)) == 0
    assert len(joined()) == 0


@pytest.mark.parametrize("pieces", [1, 7])
def test_the_ends_do_not_click(pieces: int) -> None:
    shout = np.full(RATE, 0.8, np.float32)
    sound = joined(*np.array_split(shout, pieces))
    assert max(abs(sound[0]), abs(sound[-1])) < 0.01
    assert np.abs(np.diff(sound)).max() < 0.8 / (FADE_SECONDS * RATE) * 2


def test_peaks_are_held_under_full_scale_and_quiet_sound_is_left_alone() -> None:
    loud = tone(1.0, 2.0)
    assert np.abs(limited(loud, RATE)).max() <= PEAK + 1e-6
    quiet = tone(1.0, 0.3)
    assert limited(quiet, RATE) is quiet


def test_a_sound_shorter_than_its_fades_is_still_one() -> None:
    short = np.full(10, 0.5, np.float32)
    assert len(faded(short, RATE)) == 10
    assert np.isfinite(joined(short)).all()
