"""A voice sounds the same to the lips whether it comes from a file or live, however it is cut."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsync_worker import voice
from lipsync_worker.arrays import Floats
from lipsync_worker.recording import ANALYSIS_RATE, analysis_blocks
from lipsync_worker.voice import FileVoice, LiveVoice
from shared_schema.errors import Cancelled, RecordingError
from shared_schema.feed import Feed
from shared_schema.stages import SPEECH_RATE
from tests.workers.lipsync.conftest import write_recording


def pcm(samples: int = 3 * SPEECH_RATE + 123) -> NDArray[np.int16]:
    return (np.random.default_rng(1).standard_normal(samples) * 5000).astype(np.int16)


def file_of(path: Path, samples: NDArray[np.int16]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEECH_RATE)
        file.writeframes(samples.tobytes())
    return path


def heard(one: FileVoice | LiveVoice) -> Floats:
    return np.concatenate([block for block in one.listen() if block is not None])


@pytest.mark.parametrize("most", [3, 101, 999, 5_000, 100_000])
def test_a_live_voice_gives_the_samples_that_its_file_gives(
    tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice, "MOST", most)  # cut as it is read, half samples too
    samples, feed = pcm(12_345), Feed(tmp_path)
    feed.append(samples.tobytes())
    feed.close()
    got = heard(LiveVoice(feed))
    feed.discard()
    np.testing.assert_array_equal(got, heard(FileVoice(file_of(tmp_path / "s.wav", samples))))


def test_a_recording_is_heard_as_before(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "s.flac", 0.3 * np.sin(np.arange(66_150) * 0.05)[None], 44_100)
    one = FileVoice(path)
    assert (one.rate, one.channels, one.seconds) == (44_100, 1, 1.5)
    np.testing.assert_array_equal(heard(one), np.concatenate(list(analysis_blocks(path))))
    assert len(heard(one)) == pytest.approx(1.5 * ANALYSIS_RATE, abs=2)


def test_a_live_voice_that_pauses_says_so_and_goes_on(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    ears = LiveVoice(feed).listen()
    assert next(ears) is None
    feed.append(pcm(SPEECH_RATE).tobytes())
    first = next(ears)
    assert first is not None
    assert next(ears) is None
    feed.append(pcm(SPEECH_RATE).tobytes())
    feed.close()
    rest = [block for block in ears if block is not None]
    assert len(first) + sum(map(len, rest)) == 2 * ANALYSIS_RATE
    feed.discard()


def test_the_sound_track_is_the_very_sound_and_apart_from_what_the_lips_have_heard(tmp_path: Path) -> None:
    samples, feed = pcm(), Feed(tmp_path)
    live = LiveVoice(feed)
    feed.append(samples.tobytes())
    feed.close()
    heard(live)
    for one in (live, FileVoice(file_of(tmp_path / "s.wav", samples))):
        frames = list(one.track())
        assert {frame.sample_rate for frame in frames} == {one.rate} == {SPEECH_RATE}
        np.testing.assert_array_equal(np.concatenate([f.to_ndarray()[0] for f in frames]), samples)
    feed.discard()


def test_a_track_that_waits_can_be_stopped(tmp_path: Path) -> None:
    feed = Feed(tmp_path)

    def stop() -> None:
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled, match="Enough"):
        next(LiveVoice(feed).track(stop))


def test_a_recording_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(b"no sound")
    with pytest.raises(RecordingError):
        FileVoice(tmp_path / "s.wav")


def test_measuring_can_be_stopped(tmp_path: Path, open_files: Callable[[], set[str]]) -> None:
    def stop() -> None:
        raise Cancelled("Enough.")

    path = file_of(tmp_path / "s.wav", pcm())
    with pytest.raises(Cancelled):
        FileVoice(path, stop)
    assert str(path) not in open_files()
