"""The file that comes out: codecs, true rate, tracks of one length, closed whatever happens."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync_worker.arrays import Picture
from lipsync_worker.encoder import VideoWriter
from lipsync_worker.h264 import h264, nvenc_works
from lipsync_worker.voice import FileVoice
from shared_schema.errors import OutputError, RecordingError
from tests.workers.lipsync.conftest import Speak, write_recording

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(30), Fraction(50), Fraction(60)]


def write(path: Path, speech: Path, rate: Fraction = Fraction(25), size: tuple[int, int] = (64, 48)) -> int:
    voice = FileVoice(speech)
    count = math.ceil(voice.seconds * rate)
    with VideoWriter(path, size, rate, voice) as writer:
        for number in range(count):
            writer.write(grey(size, number))
    return count


def encoders() -> list[str]:
    """The threads of writers that are still there."""
    return [thread.name for thread in threading.enumerate() if thread.name == "encoder"]


def grey(size: tuple[int, int], number: int) -> Picture:
    return np.full((size[1], size[0], 3), number % 200, np.uint8)


@pytest.mark.parametrize("rate", RATES)
def test_picture_and_sound_are_equally_long_at_the_true_rate(
    tmp_path: Path, speak: Speak, rate: Fraction
) -> None:
    speech = speak()
    count = write(tmp_path / "v.mp4", speech.wav, rate)
    with av.open(str(tmp_path / "v.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.average_rate == rate
        assert sum(1 for _ in container.decode(video)) == count
        lengths = [float((stream.duration or 0) * stream.time_base) for stream in (video, audio)]
    assert abs(lengths[0] - lengths[1]) <= 1 / rate
    assert lengths[0] == pytest.approx(speech.seconds, abs=float(1 / rate))


def test_the_codecs_are_those_that_every_player_knows(tmp_path: Path, speak: Speak) -> None:
    write(tmp_path / "v.mp4", speak().wav)
    with av.open(str(tmp_path / "v.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec.canonical_name, video.pix_fmt) == ("h264", "yuv420p")
        assert (audio.codec.canonical_name, audio.rate) == ("aac", 16_000)
        colours = video.codec_context
        assert (colours.colorspace, colours.color_primaries, colours.color_trc, colours.color_range) == (
            1,
            1,
            1,
            1,
        )


@pytest.mark.parametrize(
    ("rate", "channels", "expected"), [(44_100, 2, 44_100), (96_000, 1, 48_000), (8_000, 1, 8_000)]
)
def test_the_sound_keeps_its_channels_and_where_aac_can_its_rate(
    tmp_path: Path, rate: int, channels: int, expected: int
) -> None:
    wave = 0.3 * np.sin(np.arange(rate) * 0.05)
    speech = write_recording(tmp_path / "s.wav", np.tile(wave, (channels, 1)), rate)
    write(tmp_path / "v.mp4", speech)
    with av.open(str(tmp_path / "v.mp4")) as container:
        audio = container.streams.audio[0]
        assert audio.rate == expected
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio)], axis=1)
    assert 0.2 < np.abs(sound[:, expected // 4 : expected // 2]).max() < 0.4
    assert sound.shape[1] / expected == pytest.approx(1.0, abs=0.06)


def test_the_index_stands_before_the_frames(tmp_path: Path, speak: Speak) -> None:
    write(tmp_path / "v.mp4", speak().wav)
    content = (tmp_path / "v.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_the_same_frames_give_the_same_bytes(tmp_path: Path, speak: Speak) -> None:
    speech = speak()
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / name, speech.wav)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_colours_survive_as_bt709(tmp_path: Path, speak: Speak) -> None:
    speech = speak([("", 0.2)])
    skin = np.full((48, 64, 3), (120, 150, 210), np.uint8)
    with VideoWriter(tmp_path / "v.mp4", (64, 48), Fraction(25), FileVoice(speech.wav)) as writer:
        for _ in range(5):
            writer.write(skin)
    with av.open(str(tmp_path / "v.mp4")) as container:
        frame = next(container.decode(video=0))
        seen = frame.reformat(format="bgr24", src_colorspace="ITU709").to_ndarray()
    assert np.abs(seen[20, 20].astype(int) - [120, 150, 210]).max() <= 4


def test_a_full_disk_is_one_clear_sentence(
    tmp_path: Path, speak: Speak, open_files: Callable[[], set[str]]
) -> None:
    full = tmp_path / "video.mp4"
    full.symlink_to("/dev/full")
    speech = speak()
    noise = np.random.default_rng(1)
    writer = VideoWriter(full, (512, 512), Fraction(25), FileVoice(speech.wav))

    def fill() -> None:
        with writer:
            for _ in range(60):
                writer.write(noise.integers(0, 255, (512, 512, 3), dtype=np.uint8))

    with pytest.raises(OutputError, match="disk is full"):
        fill()
    assert "/dev/full" not in open_files()


def test_a_folder_that_is_gone_is_an_output_error(tmp_path: Path, speak: Speak) -> None:
    speech = speak()
    with pytest.raises(OutputError, match=r"v\.mp4 could not be written"):
        write(tmp_path / "gone/v.mp4", speech.wav)


def test_an_exception_passes_through_and_the_file_is_closed(
    tmp_path: Path, speak: Speak, open_files: Callable[[], set[str]]
) -> None:
    speech = speak()
    writer = VideoWriter(tmp_path / "v.mp4", (64, 48), Fraction(25), FileVoice(speech.wav))

    def break_off() -> None:
        with writer:
            writer.write(grey((64, 48), 0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    held = open_files()
    assert str(tmp_path / "v.mp4") not in held
    assert str(speech.wav) not in held
    assert encoders() == []


def test_a_picture_may_be_changed_as_soon_as_it_was_written(tmp_path: Path, speak: Speak) -> None:
    speech = speak([("", 0.8)])
    canvas = grey((64, 48), 0)
    with VideoWriter(tmp_path / "v.mp4", (64, 48), Fraction(25), FileVoice(speech.wav)) as writer:
        for number in range(20):
            canvas[:] = 10 * number
            writer.write(canvas)
            canvas[:] = 255
    with av.open(str(tmp_path / "v.mp4")) as container:
        seen = [int(frame.to_ndarray(format="bgr24")[20, 20, 1]) for frame in container.decode(video=0)]
    assert np.abs(np.subtract(seen, [10 * number for number in range(20)])).max() <= 6


def test_sound_that_breaks_off_is_told_by_the_next_write_or_at_the_end(tmp_path: Path) -> None:
    wave = 0.3 * np.sin(np.arange(64_000) * 0.05)
    whole = write_recording(tmp_path / "s.mp3", wave[None])
    voice = FileVoice(whole)
    whole.write_bytes(b"no sound any more")

    def make() -> None:
        with VideoWriter(tmp_path / "v.mp4", (64, 48), Fraction(25), voice) as writer:
            for number in range(100):
                writer.write(grey((64, 48), number))

    with pytest.raises(RecordingError):
        make()
    assert encoders() == []


def test_on_a_machine_whose_gpu_cannot_encode_x264_does(
    tmp_path: Path, speak: Speak, caplog: pytest.LogCaptureFixture
) -> None:
    """Where NVENC is there, it is taken: either way the video is H.264, and the log says whose."""
    nvenc_works.cache_clear()
    speech = speak([("", 0.2)])
    with (
        caplog.at_level("INFO"),
        VideoWriter(
            tmp_path / "v.mp4", (256, 256), Fraction(25), FileVoice(speech.wav), device="cuda"
        ) as writer,
    ):
        for number in range(5):
            writer.write(grey((256, 256), number))
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert container.streams.video[0].codec.canonical_name == "h264"
        assert sum(1 for _ in container.decode(video=0)) == 5
    told = [record.message for record in caplog.records if record.name == "lipsync_worker.h264"]
    assert len(told) == 1
    assert ("NVENC cannot be used here" in told[0]) is not nvenc_works()


def test_on_the_cpu_nobody_asks_for_a_gpu() -> None:
    nvenc_works.cache_clear()
    assert h264("cpu", Fraction(25), live=False).name == "libx264"
    assert nvenc_works.cache_info().misses == 0
