"""Timings become segments that leave no gap and end where their sound ends."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from lipsync_worker.timeline import Segment, segments
from shared_schema.records import Phone, Utterance
from tests.workers.lipsync.conftest import Speak, Speech


def made(speech: Speech, utterances: list[Utterance] | None = None) -> list[Segment]:
    given = [speech.utterance] if utterances is None else utterances
    return list(segments(given, speech.levels(), speech.reference(), speech.seconds))


def test_segments_follow_each_other_from_the_start_to_the_end(speak: Speak) -> None:
    speech = speak()
    track = made(speech)
    assert track[0].start == 0
    assert track[-1].end == speech.seconds
    assert all(a.end == b.start and a.end > a.start for a, b in pairwise(track))


def test_a_sound_that_was_timed_into_the_pause_ends_where_it_is_last_heard(speak: Speak) -> None:
    speech = speak([("", 0.4), ("æ", 0.2), ("s", 0.1), ("", 0.6)])
    late = Utterance("made up", 0.0, 1.3, [Phone("æ", 0.4, 0.6), Phone("s", 0.6, 1.1)])
    last = [segment for segment in made(speech, [late]) if segment.sound == "s"][-1]
    assert 0.69 <= last.end <= 0.76


def test_a_short_gap_is_shared_by_its_neighbours(speak: Speak) -> None:
    speech = speak([("ɑ", 0.2), ("", 0.08), ("i", 0.2)])
    sounds = [(segment.sound, segment.end) for segment in made(speech)]
    assert [sound for sound, _ in sounds] == ["ɑ", "i"]
    assert sounds[0][1] == pytest.approx(0.24, abs=0.03)


def test_a_long_pause_is_rest_and_lets_the_expression_come_back(speak: Speak) -> None:
    track = made(speak([("ɑ", 0.2), ("", 0.5), ("i", 0.2)]))
    pause = track[1]
    assert (pause.sound, pause.talking) == ("", False)
    assert not pause.viseme.target.any()


def test_in_a_breath_between_two_words_the_face_goes_on_talking(speak: Speak) -> None:
    track = made(speak([("ɑ", 0.2), ("", 0.22), ("i", 0.2)]))
    assert [(segment.sound, segment.talking) for segment in track] == [("ɑ", True), ("", True), ("i", True)]


def test_a_silent_recording_has_nothing_but_rest_whatever_its_timings_say(speak: Speak) -> None:
    track = made(speak(loudness=0.0))
    assert [segment.sound for segment in track] == [""]


def test_timings_that_overlap_run_past_the_end_or_are_no_numbers_are_made_to_fit(speak: Speak) -> None:
    speech = speak([("ɑ", 0.5)])
    phones = [
        Phone("ɑ", 0.0, 0.3),
        Phone("i", 0.2, 0.4),
        Phone("u", float("nan"), 0.5),
        Phone("o", 0.45, 9.0),
    ]
    track = made(speech, [Utterance("made up", 0.0, 9.0, phones)])
    assert track[-1].end == speech.seconds
    assert all(b.start == a.end for a, b in pairwise(track))
    assert {segment.sound for segment in track} <= {"ɑ", "i", "o", ""}


def test_timings_are_read_only_as_far_as_they_are_needed(speak: Speak) -> None:
    speech = speak([("ɑ", 0.2), ("", 0.4)] * 20)
    read = 0

    def utterances() -> Iterator[Utterance]:
        nonlocal read
        for number in range(20):
            read += 1
            start = 0.6 * number
            yield Utterance("made up", start, start + 0.6, [Phone("ɑ", start, start + 0.2)])

    track = segments(utterances(), speech.levels(), speech.reference(), speech.seconds)
    for _ in range(4):
        next(track)
    assert read < 6


def test_times_are_plain_numbers(speak: Speak) -> None:
    assert all(isinstance(segment.end, float) and np.isfinite(segment.end) for segment in made(speak()))
