"""Any usual recording is read; what is not one is refused in one clear sentence."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from shared_schema import limits
from shared_schema.errors import RecordingError
from tts_worker.audio import read_recording, resampled

Make = Callable[..., Any]
Sound = npt.NDArray[Any]

RATE = 16_000


def tone(rate: int, seconds: float = 2.0, hertz: float = 220.0) -> Sound:
    return 0.4 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def pitch_of(samples: Sound) -> float:
    middle = samples[RATE // 4 : -RATE // 4]
    return float(np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * RATE / len(middle))


def write_aac(path: Path, samples: Sound, rate: int) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_usual_formats_are_read(recording: Make, suffix: str) -> None:
    samples = read_recording(recording(tone(44_100), 44_100, f"voice.{suffix}"), RATE)
    assert samples.dtype == np.float32
    assert abs(len(samples) - 2 * RATE) < 0.1 * RATE
    assert pitch_of(samples) == pytest.approx(220, abs=1)


@pytest.mark.parametrize("suffix", ["m4a", "mp4", "mkv"])
def test_aac_is_read_from_its_containers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"voice.{suffix}"
    write_aac(path, tone(48_000), 48_000)
    assert pitch_of(read_recording(path, RATE)) == pytest.approx(220, abs=1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 24_000, 96_000, 192_000])
def test_any_rate_is_brought_to_the_one_wanted(recording: Make, rate: int) -> None:
    samples = read_recording(recording(tone(rate), rate), RATE)
    assert len(samples) == pytest.approx(2 * RATE, abs=32)
    assert pitch_of(samples) == pytest.approx(220, abs=1)


def test_resampling_lets_no_high_tone_fold_into_the_speech_band() -> None:
    samples = resampled(tone(48_000, hertz=9_500).astype(np.float32), 48_000, RATE)
    assert len(samples) == 2 * RATE
    assert np.abs(samples[200:-200]).max() < 0.001


def test_sixteen_channels_are_read(recording: Make) -> None:
    samples = read_recording(recording(np.stack([tone(RATE)] * 16, axis=1), RATE), RATE)
    assert np.abs(samples).max() == pytest.approx(0.4, rel=0.02)


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_are_averaged(recording: Make, channels: int) -> None:
    stereo = np.zeros((2 * RATE, channels))
    stereo[:, 0] = tone(RATE)
    samples = read_recording(recording(stereo, RATE), RATE)
    assert np.abs(samples).max() == pytest.approx(0.4 / channels, rel=0.02)


def test_channels_that_cancel_each_other_are_not_silence(recording: Make) -> None:
    samples = read_recording(recording(np.stack([tone(RATE), -tone(RATE)], axis=1), RATE), RATE)
    assert np.abs(samples).max() == pytest.approx(0.4, rel=0.02)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_any_sample_format_is_read(recording: Make, subtype: str) -> None:
    samples = read_recording(recording(tone(RATE), RATE, subtype=subtype), RATE)
    assert np.abs(samples).max() == pytest.approx(0.4, rel=0.05)


def refused(path: Path, words: str) -> None:
    with pytest.raises(RecordingError, match=words) as caught:
        read_recording(path, RATE)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_missing_recording_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.wav", "There is no recording nowhere.wav")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "There is no recording")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    path.touch()
    refused(path, "is empty")


def test_a_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(5000))
    refused(path, "not a sound recording")


@pytest.mark.parametrize("suffix", ["wav", "mp3", "txt"])
def test_a_text_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"voice.{suffix}"
    path.write_text("This is no sound at all. " * 200)
    refused(path, "not a sound recording")


def test_a_play_list_that_names_other_files_is_not_followed(recording: Make, tmp_path: Path) -> None:
    other = recording(tone(RATE), RATE, "other.wav")
    for name, text in (
        ("list.wav", f"#EXTM3U\n#EXTINF:2,\n{other}\n"),
        ("list.txt", f"ffconcat version 1.0\nfile {other}"),
    ):
        path = tmp_path / name
        path.write_text(text)
        refused(path, "not a sound recording")


@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a", "aiff"])
def test_a_truncated_recording_is_refused(recording: Make, tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    if suffix == "m4a":
        write_aac(whole, tone(48_000, 5.0), 48_000)
    else:
        recording(tone(RATE, 5.0), RATE, whole.name)
    path = tmp_path / f"voice.{suffix}"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    refused(path, "cut short|damaged")


def test_a_damaged_recording_is_refused(recording: Make, tmp_path: Path) -> None:
    whole = recording(tone(RATE, 5.0), RATE, "whole.ogg").read_bytes()
    path = tmp_path / "voice.ogg"
    path.write_bytes(whole[:2000] + np.random.default_rng(0).bytes(4000) + whole[6000:])
    refused(path, "damaged|cut short")


def test_a_wav_from_a_pipe_with_no_length_in_its_header_is_read(recording: Make, tmp_path: Path) -> None:
    content = bytearray(recording(tone(RATE), RATE, "whole.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path = tmp_path / "voice.wav"
    path.write_bytes(content)
    assert len(read_recording(path, RATE)) == 2 * RATE


def test_a_recording_without_samples_is_refused(recording: Make) -> None:
    refused(recording(np.zeros(0), RATE), "no samples")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(recording: Make, value: float) -> None:
    samples = tone(RATE)
    samples[12_345] = value
    refused(recording(samples, RATE, subtype="FLOAT"), "not numbers")


@pytest.mark.parametrize("level", [0.0, 0.0005])
def test_a_silent_recording_is_refused(recording: Make, level: float) -> None:
    refused(recording(level * tone(RATE), RATE), "is silent")


def test_a_short_recording_is_refused(recording: Make) -> None:
    refused(recording(tone(RATE, 0.9), RATE), "0.9 seconds long, too short")


def test_a_long_recording_is_refused_before_it_fills_memory(recording: Make) -> None:
    seconds = limits.MAX_VOICE_SECONDS + 1
    refused(
        recording(np.zeros(int(8_000 * seconds), np.int16), 8_000, "voice.flac"), "longer than 600 seconds"
    )


def test_a_gigantic_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    with path.open("wb") as file:
        file.truncate(limits.MAX_RECORDING_BYTES + 1)  # sparse: takes no disk
    refused(path, "more than 1024 MiB")


def test_a_rate_that_no_recorder_makes_is_refused(recording: Make) -> None:
    refused(recording(tone(1_000, 20), 1_000), "1000 samples a second")


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    path = tmp_path / "voice.mp4"
    path.write_bytes(buffer.getvalue())
    refused(path, "no sound in it")


def test_an_unreadable_file_is_refused(recording: Make) -> None:
    path = recording(tone(RATE), RATE)
    path.chmod(0)
    try:
        soundfile.read(path)
    except soundfile.LibsndfileError:
        refused(path, "cannot be read")
    else:
        pytest.skip("this user may read everything")
