"""Sounds flow into each other, contacts are made, pauses are still: at every frame rate."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from lipsync_worker import coarticulation
from lipsync_worker.loudness import Levels, Reference, features
from lipsync_worker.pose import Param, Poses
from lipsync_worker.timeline import segments
from shared_schema.records import Phone, Utterance
from tests.workers.lipsync.conftest import Speak, Speech

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(30), Fraction(50), Fraction(60)]


def animated(speech: Speech, rate: Fraction = Fraction(25)) -> tuple[Poses, np.ndarray]:
    """All poses and the times of their frames."""
    count = math.ceil(speech.seconds * rate)
    levels, reference = speech.levels(), speech.reference()
    track = segments([speech.utterance], levels, reference, speech.seconds)
    rows = np.concatenate(list(coarticulation.poses(track, levels, reference, count, rate)))
    assert len(rows) == count
    return rows, (np.arange(count) + 0.5) / float(rate)


@pytest.mark.parametrize("rate", RATES)
def test_every_p_b_and_m_has_a_frame_with_the_lips_together(speak: Speak, rate: Fraction) -> None:
    speech = speak(
        [("", 0.3), *[(symbol, 0.031) for symbol in ("p", "ɑ", "b", "i", "m", "u")] * 3, ("", 0.3)]
    )
    rows, times = animated(speech, rate)
    for phone in speech.utterance.phones:
        if phone.symbol in "pbm":
            near = (times > phone.start - 0.04) & (times < phone.end + 0.04)
            assert rows[near, Param.CLOSE].max() == 1


@pytest.mark.parametrize("rate", RATES)
def test_open_vowels_between_closures_are_not_swallowed(speak: Speak, rate: Fraction) -> None:
    speech = speak([("", 0.3), *[("p", 0.08), ("ɑ", 0.12)] * 4, ("", 0.3)])
    rows, times = animated(speech, rate)
    for phone in speech.utterance.phones:
        if phone.symbol == "ɑ":
            inside = (times > phone.start) & (times < phone.end)
            assert (rows[inside, Param.JAW] * (1 - rows[inside, Param.CLOSE])).max() > 0.3


def test_f_brings_the_lip_to_the_teeth(speak: Speak) -> None:
    rows, times = animated(speak([("ɑ", 0.2), ("f", 0.1), ("ɑ", 0.2)]))
    assert rows[(times > 0.2) & (times < 0.3), Param.DENTAL].max() == 1


def test_the_mouth_is_at_rest_and_still_in_a_pause(speak: Speak) -> None:
    speech = speak([("", 0.5), ("ɑ", 0.3), ("s", 0.1), ("", 0.8), ("ɑ", 0.3)])
    rows, times = animated(speech)
    for start, end in ((0.0, 0.5), (0.9, 1.7)):
        still = rows[(times > start + 0.08) & (times < end - 0.08)]
        moving = [Param.JAW, Param.CLOSE, Param.DENTAL, Param.RAISE, Param.LOWER]
        assert still[:, moving].max() < 0.01


def test_lips_round_before_the_vowel_that_needs_it(speak: Speak) -> None:
    rows, times = animated(speak([("i", 0.2), ("s", 0.06), ("t", 0.06), ("u", 0.3)]))
    before = rows[(times > 0.26) & (times < 0.32), Param.ROUND]
    assert before.max() > 0.15
    assert rows[times < 0.1, Param.ROUND].max() < 0.05


def test_a_diphthong_ends_in_another_shape_than_it_begins(speak: Speak) -> None:
    rows, times = animated(speak([("", 0.2), ("aʊ", 0.4), ("", 0.2)]))
    early, late = rows[np.abs(times - 0.28).argmin()], rows[np.abs(times - 0.52).argmin()]
    assert early[Param.JAW] > late[Param.JAW]
    assert early[Param.ROUND] < late[Param.ROUND]


def test_a_loud_vowel_opens_the_mouth_further_than_a_murmured_one(speak: Speak) -> None:
    speech = speak([("", 0.3), ("ɑ", 0.3), ("", 0.3), ("ɑ", 0.3), ("", 0.3)])
    speech.samples[: int(0.6 * 16000)] *= 0.08
    rows, times = animated(speech)
    assert rows[times < 0.6, Param.JAW].max() < 0.85 * rows[times > 0.6, Param.JAW].max()


def test_where_a_block_ends_makes_no_difference(speak: Speak) -> None:
    speech = speak([("", 0.3), ("p", 0.08), ("ɑ", 0.2), ("m", 0.08), ("u", 0.2)] * 6)
    levels, reference = speech.levels(), speech.reference()
    track = segments([speech.utterance], levels, reference, speech.seconds)
    few = np.concatenate(list(coarticulation.poses(track, levels, reference, 70, Fraction(25))))
    assert np.array_equal(few, animated(speech)[0][:70])


def test_memory_does_not_grow_with_the_length_of_the_speech() -> None:
    hum = np.sin(np.arange(16000, dtype=np.float32)) * 0.3

    def peak(seconds: int) -> int:
        def utterances() -> Iterator[Utterance]:
            for at in range(seconds):
                yield Utterance("ma", at, at + 1, [Phone("m", at, at + 0.1), Phone("ɑ", at + 0.1, at + 0.7)])

        levels = Levels(features(hum for _ in range(seconds)))
        reference = Reference.of(features(iter([hum])))
        track = segments(utterances(), levels, reference, float(seconds))
        tracemalloc.start()
        for _ in coarticulation.poses(track, levels, reference, seconds * 25, Fraction(25)):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(5)
    assert peak(200) < 1.1 * peak(20)
