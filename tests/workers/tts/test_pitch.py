"""The pitch tracker agrees with what was put in, and with Praat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import parselmouth
import pytest

from shared_schema.errors import RecordingError
from tts_worker import pitch
from tts_worker.voices import measure

Make = Callable[..., Any]
Sound = npt.NDArray[Any]


@pytest.mark.parametrize("hertz", [75, 110, 165, 220, 310, 440])
def test_the_pitch_of_a_voice_is_found(vowels: Make, hertz: float) -> None:
    profile = measure(vowels(hertz, 1.0).astype(np.float32), "voice")
    assert profile.pitch == pytest.approx(hertz, rel=0.03)


def test_praat_hears_the_same_pitch(vowels: Make) -> None:
    samples = vowels(130, 1.0)
    heard = parselmouth.Sound(samples, pitch.RATE).to_pitch(pitch_floor=60).selected_array["frequency"]
    curve = pitch.track(samples.astype(np.float32))
    assert np.median(curve[curve > 0]) == pytest.approx(np.median(heard[heard > 0]), rel=0.02)
    assert np.count_nonzero(curve) > 0.8 * np.count_nonzero(heard)


def test_hiss_at_ten_decibels_below_the_voice_does_not_mislead(vowels: Make) -> None:
    samples = vowels(120, 1.0)
    hiss = np.random.default_rng(0).standard_normal(len(samples)) * np.sqrt(np.mean(samples**2) / 10)
    assert measure((samples + hiss).astype(np.float32), "voice").pitch == pytest.approx(120, rel=0.04)


def test_a_wider_melody_has_a_wider_spread() -> None:
    time = np.arange(4 * pitch.RATE) / pitch.RATE
    spreads = []
    for width in (0.05, 0.25):
        phase = 2 * np.pi * np.cumsum(150 * np.exp(width * np.sin(2 * np.pi * 2 * time))) / pitch.RATE
        buzz = np.sum([np.cos(harmonic * phase) / harmonic for harmonic in range(1, 12)], axis=0)
        spreads.append(measure((0.1 * buzz).astype(np.float32), "voice").spread)
    assert spreads[0] == pytest.approx(0.05 * 0.87, rel=0.25)  # a sine is within 0.87 for 68 % of the time
    assert spreads[1] == pytest.approx(0.25 * 0.87, rel=0.25)


@pytest.mark.parametrize("kind", ["hiss", "clicks", "hum"])
def test_a_recording_without_a_voice_is_refused(kind: str) -> None:
    rng = np.random.default_rng(0)
    samples = {
        "hiss": 0.3 * rng.standard_normal(3 * pitch.RATE),
        "clicks": (rng.random(3 * pitch.RATE) < 0.0005).astype(float),
        "hum": 0.3 * np.sin(2 * np.pi * 25 * np.arange(3 * pitch.RATE) / pitch.RATE),
    }[kind]
    with pytest.raises(RecordingError, match=r"No voice is heard in the recording voice\.wav"):
        measure(samples.astype(np.float32), "voice.wav")


def test_a_recording_shorter_than_a_frame_has_no_pitch() -> None:
    assert len(pitch.track(np.zeros(100, np.float32))) == 0
