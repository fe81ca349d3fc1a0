"""Recordings of a voice are made fit to follow, and what is wrong with them is said in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest

from shared_schema.errors import RecordingError
from tts_worker.level import PEAK
from tts_worker.model import HibariModel
from tts_worker.references import read_references
from tts_worker.synthesis import SAMPLE_TEXT, Synthesizer

RATE = 22_050
MADE = 24_000
Sound = npt.NDArray[np.float32]
Save = Callable[..., Path]


@pytest.fixture(scope="module")
def clean() -> Sound:
    """Some twelve seconds of a clean voice with pauses of 0.4 s, at 24 kHz."""
    voice = Synthesizer(HibariModel())
    rng = np.random.default_rng(0)
    pause = np.zeros(round(0.4 * MADE), np.float32)
    spoken = [chunk.samples for text in SAMPLE_TEXT[:4] for chunk in voice.speak(text, 1.0, rng)]
    return np.concatenate([part for samples in spoken for part in (samples, pause)])


def under(voice: Sound, other: npt.NDArray[np.float64], db: float) -> Sound:
    """The voice with something else `db` under it, by their root mean squares."""
    factor = np.sqrt(np.mean(voice**2) / np.mean(other**2)) * 10 ** (-db / 20)
    return np.asarray(voice + factor * other, np.float32)


def chord(length: int) -> npt.NDArray[np.float64]:
    time = np.arange(length) / MADE
    return np.asarray(
        np.sum([np.sin(2 * np.pi * note * k * time) / k for note in (220, 277, 330) for k in (1, 2, 3)], 0)
    )


def noise(length: int, *, brown: bool = False) -> npt.NDArray[np.float64]:
    white = np.random.default_rng(1).standard_normal(length)
    if not brown:
        return white
    walk = np.cumsum(white)
    return np.asarray(walk - np.convolve(walk, np.ones(2000) / 2000, "same"))


def advice(recording: Save, sound: Sound) -> list[str]:
    return read_references([recording(sound, MADE, "me.wav")], RATE).advice


def test_a_clean_recording_needs_no_advice(recording: Save, clean: Sound) -> None:
    assert advice(recording, clean) == []
    assert advice(recording, 0.99 * clean / np.abs(clean).max()) == []


def test_a_whisper_of_noise_is_no_fault(recording: Save, clean: Sound) -> None:
    assert advice(recording, under(clean, noise(len(clean)), 30)) == []


@pytest.mark.parametrize("brown", [False, True])
def test_a_noisy_recording_is_told(recording: Save, clean: Sound, brown: bool) -> None:
    (told,) = advice(recording, under(clean, noise(len(clean), brown=brown), 3))
    assert told.startswith("me.wav: it is noisy.")


@pytest.mark.parametrize("db", [5, 15, 22])
def test_music_under_the_voice_is_told(recording: Save, clean: Sound, db: float) -> None:
    (told,) = advice(recording, under(clean, chord(len(clean)), db))
    assert told.startswith("me.wav: music or a hum")


def test_mains_hum_is_told(recording: Save, clean: Sound) -> None:
    time = np.arange(len(clean)) / MADE
    hum = np.sin(2 * np.pi * 100 * time) + 0.5 * np.sin(2 * np.pi * 200 * time)
    (told,) = advice(recording, under(clean, hum, 12))
    assert told.startswith("me.wav: music or a hum")


@pytest.mark.parametrize("later", [1.0, 0.7])
def test_a_clipped_recording_is_told_also_where_it_was_turned_down(
    recording: Save, clean: Sound, later: float
) -> None:
    (told,) = advice(recording, later * np.clip(6 * clean, -1, 1))
    assert told.startswith("me.wav: it is clipped.")


def test_little_speech_is_told(recording: Save, clean: Sound) -> None:
    (told,) = advice(recording, clean[: 3 * MADE])
    assert "6 to 30 s" in told


def test_silence_at_the_ends_and_long_pauses_go(recording: Save, clean: Sound) -> None:
    gap = np.zeros(3 * MADE, np.float32)
    long = np.concatenate([gap, clean, gap, clean, gap])
    samples = read_references([recording(long, MADE)], RATE).samples
    plain = read_references([recording(clean, MADE, "plain.wav")], RATE).samples
    assert len(samples) / RATE == pytest.approx(2 * len(plain) / RATE + 0.5, abs=0.4)


@pytest.mark.parametrize("factor", [0.02, 1.0, 3.0])
def test_loud_and_quiet_recordings_come_to_one_loudness(recording: Save, clean: Sound, factor: float) -> None:
    sound = np.clip(factor * clean, -1, 1)
    samples = read_references([recording(sound, MADE, subtype="FLOAT")], RATE).samples
    assert pyloudnorm.Meter(RATE).integrated_loudness(samples) == pytest.approx(-23, abs=1)
    assert np.abs(samples).max() <= PEAK + 1e-6


def test_several_recordings_are_joined_and_each_is_advised_by_name(recording: Save, clean: Sound) -> None:
    good = recording(clean, MADE, "good.wav")
    bad = recording(np.clip(6 * clean, -1, 1), MADE, "bad.wav")
    both = read_references([good, bad], RATE)
    alone = read_references([good], RATE)
    assert [told.partition(":")[0] for told in both.advice] == ["bad.wav"]
    assert len(both.samples) > 1.8 * len(alone.samples)
    assert np.array_equal(both.samples[: len(alone.samples)], alone.samples)


def test_a_recording_too_short_to_be_levelled_is_taken_as_it_is(recording: Save, clean: Sound) -> None:
    click = np.zeros(2 * MADE, np.float32)
    click[MADE : MADE + 2400] = clean[4800:7200]
    assert len(read_references([recording(click, MADE)], RATE).samples) > 0


def test_what_cannot_be_used_is_refused(recording: Save) -> None:
    with pytest.raises(RecordingError, match="silent"):
        read_references([recording(np.zeros(3 * MADE, np.float32), MADE)], RATE)
