"""How loud a voice is, where and in which bands, as the recording streams by."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.arrays import Floats
from lipsync_worker.loudness import BANDS, FEATURES, HOP_SECONDS, Levels, Reference, features

RATE = 16_000


def tone(hertz: float, seconds: float, amplitude: float = 0.5) -> Floats:
    return np.asarray(
        amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE), np.float32
    )


def all_rows(*blocks: Floats) -> Floats:
    return np.concatenate(list(features(iter(blocks))))


def test_a_sine_has_the_level_of_its_power() -> None:
    rows = all_rows(tone(700, 1.0, amplitude=1.0))
    assert rows[10:-10, 0] == pytest.approx(-3.0, abs=0.5)


@pytest.mark.parametrize("number", range(len(BANDS)))
def test_a_tone_is_loudest_in_its_own_band(number: int) -> None:
    rows = all_rows(tone(sum(BANDS[number]) / 2, 0.5))
    assert (rows[5:-5, 1:].argmax(1) == number).all()


def test_there_are_a_hundred_rows_a_second_and_they_stand_where_the_sound_is() -> None:
    rows = all_rows(np.zeros(RATE, np.float32), tone(500, 1.0))
    assert abs(len(rows) * HOP_SECONDS - 2.0) < 0.03
    first_loud = float(np.argmax(rows[:, 0] > -30))
    assert (first_loud + 0.5) * HOP_SECONDS == pytest.approx(1.0, abs=0.015)


def test_how_the_recording_is_cut_into_blocks_makes_no_difference() -> None:
    sound = tone(300, 1.0) * np.linspace(0, 1, RATE, dtype=np.float32)
    assert np.array_equal(all_rows(sound), all_rows(*np.array_split(sound, 37)))


def test_digital_silence_is_silence() -> None:
    assert Reference.of(features(iter([np.zeros(RATE, np.float32)]))).is_silence


def test_a_quiet_voice_counts_as_much_as_a_loud_one() -> None:
    sound = np.concatenate([np.zeros(RATE, np.float32), tone(300, 1.0)])
    for gain in (1.0, 0.03):
        rows = all_rows(sound * gain)
        relative = Reference.of(iter([rows])).relative(rows[:, 0])
        assert relative[20:80].max() == 0
        assert relative[120:180].min() > 0.9


def test_steady_noise_below_the_voice_counts_as_silence() -> None:
    noise = np.random.default_rng(1).standard_normal(2 * RATE).astype(np.float32) * 0.003
    noise[RATE:] += tone(300, 1.0)
    rows = all_rows(noise)
    assert Reference.of(iter([rows])).relative(rows[20:80, 0]).max() < 0.1


def test_a_window_shows_the_same_rows_after_what_lies_behind_was_forgotten() -> None:
    sound = tone(300, 3.0)
    fresh, used = Levels(features(iter([sound]))), Levels(features(iter([sound])))
    used.between(0.0, 2.0)
    used.forget(1.0)
    assert np.array_equal(fresh.between(1.5, 2.5)[1], used.between(1.5, 2.5)[1])
    assert np.array_equal(fresh.between(1.5, 2.5)[0], used.between(1.5, 2.5)[0])


def test_past_the_end_of_the_recording_there_are_no_rows() -> None:
    times, rows = Levels(features(iter([tone(300, 0.5)]))).between(5.0, 6.0)
    assert times.shape == (0,)
    assert rows.shape == (0, FEATURES)
