"""Without timings the sound itself moves the mouth, in any language."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lipsync_worker import sound_driver
from lipsync_worker.pose import Param, Poses
from tests.workers.lipsync.conftest import Sounds, Speak


def driven(speak: Speak, sounds: Sounds, loudness: float = 0.3) -> tuple[Poses, np.ndarray]:
    speech = speak(sounds, loudness=loudness)
    count = round(speech.seconds * 25)
    rows = list(sound_driver.poses(speech.levels(), speech.reference(), count, Fraction(25)))
    return np.concatenate(rows), (np.arange(count) + 0.5) / 25


def test_the_mouth_opens_where_there_is_a_voice_and_is_shut_where_there_is_none(speak: Speak) -> None:
    rows, times = driven(speak, [("", 0.6), ("ɑ", 0.6), ("", 0.6)])
    assert rows[(times > 0.7) & (times < 1.1), Param.JAW].min() > 0.15
    silent = (times < 0.5) | (times > 1.3)
    assert rows[silent][:, [Param.JAW, Param.RAISE, Param.LOWER]].max() < 0.01


def test_a_hiss_keeps_the_teeth_together(speak: Speak) -> None:
    rows, times = driven(speak, [("", 0.4), ("s", 0.4), ("", 0.4), ("ɑ", 0.4), ("", 0.4)])
    hiss, vowel = (times > 0.5) & (times < 0.7), (times > 1.3) & (times < 1.5)
    assert rows[hiss, Param.JAW].max() < 0.5 * rows[vowel, Param.JAW].max()
    assert rows[hiss, Param.LOWER].max() > rows[vowel, Param.LOWER].max()


@pytest.mark.parametrize("loudness", [0.3, 0.01])
def test_a_quiet_recording_moves_the_mouth_as_a_loud_one_does(speak: Speak, loudness: float) -> None:
    rows, _ = driven(speak, [("", 0.6), ("ɑ", 0.6), ("", 0.6)], loudness)
    assert rows[:, Param.JAW].max() > 0.2


def test_in_a_silent_recording_nothing_moves(speak: Speak) -> None:
    rows, _ = driven(speak, [("", 1.0)])
    assert not rows.any()


def test_poses_stay_within_their_range(speak: Speak) -> None:
    rows, _ = driven(speak, [("", 0.3), ("ɑ", 0.3), ("s", 0.2), ("u", 0.3)], loudness=1.0)
    assert rows.min() >= 0
    assert rows.max() <= 1
