"""Any recording is read as it streams; what is none is refused in one sentence."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.recording import ANALYSIS_RATE, analysis_blocks, measure
from shared_schema.errors import Cancelled, RecordingError
from tests.workers.lipsync.conftest import write_recording

FORMATS = ("wav", "flac", "ogg", "mp3", "m4a")


def go_on() -> None:
    """Nobody cancels."""


def hum(rate: int = 48_000, seconds: float = 1.5, channels: int = 1) -> Floats:
    sine = 0.4 * np.sin(2 * np.pi * 220 * np.arange(int(rate * seconds)) / rate)
    return floats(np.tile(sine, (channels, 1)))


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_read_at_its_own_length_and_rate(tmp_path: Path, suffix: str) -> None:
    recording = measure(write_recording(tmp_path / f"voice.{suffix}", hum(), 48_000), go_on)
    assert (recording.rate, recording.channels) == (48_000, 1)
    assert recording.seconds == pytest.approx(1.5, abs=0.06)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 96_000])
def test_analysis_hears_the_whole_recording_in_mono_at_one_rate(tmp_path: Path, rate: int) -> None:
    samples = np.concatenate(
        list(analysis_blocks(write_recording(tmp_path / "voice.wav", hum(rate, channels=2), rate)))
    )
    assert len(samples) / ANALYSIS_RATE == pytest.approx(1.5, abs=0.01)
    assert 0.25 < np.abs(samples).max() < 0.6


def test_silence_is_a_recording(tmp_path: Path) -> None:
    still = write_recording(tmp_path / "still.wav", np.zeros((1, 16_000)))
    assert measure(still, go_on).seconds == 1.0


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.wav cannot be read"):
        measure(tmp_path / "none.wav", go_on)


@pytest.mark.parametrize("content", [b"", b"These are words, no sound." * 50, bytes(range(256)) * 20])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "voice.wav"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"voice\.wav"):
        measure(path, go_on)


def test_a_recording_without_a_sample_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "voice.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    with pytest.raises(RecordingError, match=r"voice\.wav"):
        measure(tmp_path / "voice.wav", go_on)


def test_samples_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    samples = hum(16_000)
    samples[0, 5_000] = np.nan
    broken = write_recording(tmp_path / "voice.float.wav", samples)
    with pytest.raises(RecordingError, match="not numbers"):
        measure(broken, go_on)


def test_reading_stops_when_told_to(tmp_path: Path) -> None:
    def stop() -> None:
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        measure(write_recording(tmp_path / "voice.wav", hum()), stop)
