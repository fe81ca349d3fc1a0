"""In silence the mouth rests, in speech it never does, however the sound comes in pieces."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lipsync_worker.arrays import Floats
from lipsync_worker.gate import LOOK_AHEAD, SilenceGate, gate_of
from lipsync_worker.voice import FileVoice
from tests.workers.lipsync.conftest import RATE, Sounds, Speak, write_recording

RATES = [Fraction(24_000, 1001), Fraction(24), Fraction(25), Fraction(30), Fraction(60)]
PAUSES: Sounds = [
    ("", 0.8), ("ɑ", 0.3), ("p", 0.08), ("iː", 0.3), ("", 0.6), ("m", 0.3), ("s", 0.2), ("oʊ", 0.3),
    ("", 1.0), ("f", 0.2), ("æ", 0.3), ("t", 0.06), ("uː", 0.2), ("", 0.8),
]  # fmt: skip
SPOKEN = [(0.8, 1.48), (2.08, 2.88), (3.88, 4.64)]
"""Seconds of `PAUSES` between its pauses."""

BEFORE, AFTER = 0.15, 0.15
"""Seconds at a pause's beginning and end in which the mouth may still close, or open already."""


def weights(sound: Floats, rate: Fraction = Fraction(25), cuts: int = 1) -> Floats:
    """The weights of all frames of a sound that comes in so many pieces."""
    gate = SilenceGate(rate)
    parts = [gate.push(piece) for piece in np.array_split(sound, cuts)]
    return np.concatenate([*parts, gate.finish(int(len(sound) / RATE * rate))])


def spoken(count: int, rate: Fraction, margin: float) -> np.ndarray:
    """Which frames lie in speech, widened by so many seconds on either side."""
    middles = (np.arange(count) + 0.5) / float(rate)
    return np.any([(middles > a - margin) & (middles < b + margin) for a, b in SPOKEN], axis=0)


def noise(count: int, level: float) -> Floats:
    """White noise of so many dB below full scale."""
    return np.random.default_rng(5).normal(0, 10 ** (level / 20), count).astype(np.float32)


def switches(values: Floats) -> int:
    """How often the mouth comes to rest or to life."""
    return sum(bool(a) != bool(b) for a, b in pairwise(values > 0.5))


@pytest.mark.parametrize("rate", RATES)
def test_the_mouth_rests_in_pauses_and_nowhere_else(speak: Speak, rate: Fraction) -> None:
    found = weights(speak(PAUSES).samples, rate)
    assert not found[spoken(len(found), rate, 0.0)].any()
    assert (found[~spoken(len(found), rate, BEFORE)] == 1).all()
    assert switches(found) == 6


def test_a_stop_within_a_word_is_no_pause(speak: Speak) -> None:
    found = weights(speak([("ɑ", 0.3), ("p", 0.12), ("ɑ", 0.3), ("t", 0.15), ("ɑ", 0.3)]).samples)
    assert not found[1:-1].any()


def pauses_in_noise(speech: Floats, level: float) -> tuple[Floats, np.ndarray]:
    """Weights of a speech in a noisy room, and which of its frames lie in pauses behind its first word.

    Before a voice was heard nobody can know that the noise is none.
    """
    found = weights(speech + noise(len(speech), level))
    assert not found[spoken(len(found), Fraction(25), 0.0)].any()
    return found, ~spoken(len(found), Fraction(25), AFTER) & (np.arange(len(found)) > 25)


@pytest.mark.parametrize("level", [-55.0, -60.0, -70.0])
def test_a_room_that_hums_well_below_the_voice_is_silence(speak: Speak, level: float) -> None:
    """The voice is at -17 dB."""
    found, pauses = pauses_in_noise(speak(PAUSES).samples, level)
    assert (found[pauses] == 1).all()
    assert switches(found[25:]) == 5


@pytest.mark.parametrize("level", [-44.0, -50.0])
def test_a_louder_room_is_silence_as_soon_as_it_is_known(speak: Speak, level: float) -> None:
    """What is quietest in four seconds of a recording is its silence."""
    speech = speak(PAUSES).samples
    twice = np.tile(speech, 2)
    again = weights(twice + noise(len(twice), level))[len(speech) // 640 :]
    pauses = ~spoken(len(again), Fraction(25), AFTER + 0.04)
    assert (again[pauses] == 1).all()
    assert not again[spoken(len(again), Fraction(25), -0.04)].any()


@pytest.mark.parametrize("level", [-30.0, -40.0])
def test_a_voice_in_a_loud_room_is_never_taken_for_silence_and_nothing_flaps(
    speak: Speak, level: float
) -> None:
    sound = speak(PAUSES).samples
    found = weights(sound + noise(len(sound), level))
    assert not found[spoken(len(found), Fraction(25), 0.0)].any()
    assert switches(found) <= 6


def test_a_voice_may_be_quiet(speak: Speak) -> None:
    found = weights(speak(PAUSES, loudness=0.03).samples)
    assert not found[spoken(len(found), Fraction(25), 0.0)].any()
    assert (found[~spoken(len(found), Fraction(25), AFTER)] == 1).all()


def test_digital_silence_and_a_quiet_room_are_all_rest() -> None:
    assert (weights(np.zeros(2 * RATE, np.float32)) == 1).all()
    assert (weights(noise(2 * RATE, -70.0)) == 1).all()


def test_a_recording_that_begins_with_a_word_and_has_no_pause_is_all_speech(speak: Speak) -> None:
    found = weights(speak([("ɑ", 0.4), ("m", 0.2), ("iː", 0.4), ("s", 0.3), ("oʊ", 0.7)]).samples)
    assert not found[1:-1].any()


def test_a_recording_that_begins_loud_and_goes_on_softly_is_all_speech(speak: Speak) -> None:
    begun, soft = speak([("ɑ", 0.15)]).samples, speak([("iː", 0.4), ("m", 0.3)], loudness=0.05).samples
    assert not weights(np.concatenate([begun, soft]))[1:-1].any()


@pytest.mark.parametrize("rate", [*RATES, Fraction(1), Fraction(120)])
def test_the_pieces_make_no_difference(speak: Speak, rate: Fraction) -> None:
    sound = speak(PAUSES).samples
    sound = sound + noise(len(sound), -55.0)
    whole = weights(sound, rate)
    for cuts in (2, 7, 100, 1000):
        assert np.array_equal(weights(sound, rate, cuts), whole)


def test_the_mouth_comes_to_rest_within_a_tenth_of_a_second_and_not_at_once(speak: Speak) -> None:
    found = weights(speak(PAUSES).samples, Fraction(100))
    ramp = np.flatnonzero((found > 0) & (found < 1))
    runs = np.split(ramp, np.flatnonzero(np.diff(ramp) > 1) + 1)
    assert len(runs) == 6
    assert all(7 <= len(run) <= 10 for run in runs)
    assert np.abs(np.diff(found)).max() < 0.15


@pytest.mark.parametrize("rate", RATES)
def test_a_weight_waits_no_longer_than_it_says(speak: Speak, rate: Fraction) -> None:
    gate, shown = SilenceGate(rate), 0
    for count, piece in enumerate(np.array_split(speak(PAUSES).samples, 200), 1):
        shown += len(gate.push(piece))
        heard = count * len(piece) / RATE
        assert (shown + 0.5) / float(rate) > heard - LOOK_AHEAD - 1 / float(rate) - 0.02


def test_what_it_remembers_does_not_grow(speak: Speak) -> None:
    gate, sizes = SilenceGate(Fraction(25)), []
    sound = speak(PAUSES).samples
    for _ in range(20):
        gate.push(sound)
        sizes.append(sum(value.nbytes for value in vars(gate).values() if isinstance(value, np.ndarray)))
    assert max(sizes) < 2000
    assert max(sizes[1:]) <= max(sizes[:8])


@pytest.mark.parametrize("samples", [0, 1, 100, 160, 1600])
def test_short_sounds_have_as_many_weights_as_frames(samples: int) -> None:
    gate = SilenceGate(Fraction(25))
    found = np.concatenate([gate.push(np.zeros(samples, np.float32)), gate.finish(3)])
    assert found.tolist() == [1, 1, 1]


def test_of_a_recording_noise_ahead_of_the_first_word_is_silence_too(speak: Speak, tmp_path: Path) -> None:
    speech = speak().samples
    lead = RATE
    sound = np.concatenate([np.zeros(lead, np.float32), speech])
    sound = (sound + noise(len(sound), -48.0)).astype(np.float32)
    voice = FileVoice(write_recording(tmp_path / "noisy.wav", sound[None]))
    gate = gate_of(voice, Fraction(25), lambda: None)
    found = np.concatenate([gate.push(sound), gate.finish(len(sound) // 640)])
    assert found[3 : 25 - 5].min() > 0.9
    live = SilenceGate(Fraction(25))
    found = np.concatenate([live.push(sound), live.finish(len(sound) // 640)])
    assert found[3 : 25 - 5].max() < 0.1  # a quiet voice would sound no other
