"""Any video, forward and backward: the same number is the same picture, and what is none is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import VideoFrame

from lipsync_worker.clip import Clip
from lipsync_worker.reel import Reel
from shared_schema.errors import PhotoError
from tests.workers.lipsync.clips import HEIGHT, WIDTH, X264, card, number_on, write_cards, write_video

NTSC = Fraction(30_000, 1001)
SMALL = 12 * WIDTH * HEIGHT * 3 // 2
"""A window of about twelve frames."""

VP9 = {"cpu-used": "8", "deadline": "realtime", "g": "20", "auto-alt-ref": "1", "lag-in-frames": "16"}
HEVC = {"x265-params": "open-gop=1:keyint=16:min-keyint=16:scenecut=0:bframes=4:log-level=none"}
FORMATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "one long group": ("a.mp4", "libx264", {"options": X264["one long group"]}),
    "open groups": ("a.mp4", "libx264", {"options": X264["open groups"]}),
    "open groups in Matroska": ("a.mkv", "libx264", {"options": X264["open groups"]}),
    "no keyframes": ("a.mov", "libx264", {"options": X264["no keyframes"]}),
    "fragments": (
        "a.mp4",
        "libx264",
        {"options": X264["open groups"], "muxer": {"movflags": "frag_keyframe+empty_moov"}},
    ),
    "a late start": ("a.mp4", "libx264", {"options": X264["open groups"], "times": range(500, 560)}),
    "HEVC": ("a.mp4", "libx265", {"options": HEVC}),
    "MPEG-4": ("a.mp4", "mpeg4", {"options": {"bf": "2", "g": "12"}}),
    "MPEG-4 in AVI": ("a.avi", "mpeg4", {"options": {"bf": "2", "g": "12"}}),
    "AVI without times": ("a.avi", "libx264", {"options": X264["open groups"]}),
    "VP9": ("a.webm", "libvpx-vp9", {"options": VP9}),
    "VP9 as browsers record it": ("a.webm", "libvpx-vp9", {"options": VP9, "muxer": {"live": "1"}}),
    "AVI of pixels": ("a.avi", "rawvideo", {"pixels": "bgr24"}),
    "opacity": ("a.mov", "prores_ks", {"pixels": "yuva444p10le"}),
    "ten bits": ("a.mkv", "libx264", {"pixels": "yuv420p10le"}),
}


@pytest.mark.parametrize("what", FORMATS)
def test_a_number_is_the_same_picture_forward_backward_and_in_any_order(tmp_path: Path, what: str) -> None:
    name, codec, how = FORMATS[what]
    path = write_cards(tmp_path / name, 60, codec, rate=NTSC, **how)
    with Clip(path, memory=SMALL) as clip:
        forward = list(clip.pictures())
        assert [number_on(shown) for shown in forward] == list(range(60))
        assert not clip.holds(60)
        assert clip.rate() == NTSC
        assert clip.times == pytest.approx([number * 1001 / 30_000 for number in range(60)], abs=0.001)
        anyhow = random.Random(1).sample(range(60), 20)
        for number in (*range(59, -1, -1), *range(60), *anyhow):
            assert np.array_equal(clip.picture(number), forward[number]), number


def test_what_an_edit_list_leaves_out_is_not_counted(tmp_path: Path) -> None:
    path = write_cards(
        tmp_path / "a.mp4",
        50,
        options=X264["open groups"],
        times=range(-15, 35),
        muxer={"avoid_negative_ts": "disabled"},
    )
    with Clip(path, memory=SMALL) as clip:
        assert [number_on(shown) for shown in clip.pictures()] == list(range(15, 50))
        assert [number_on(clip.picture(number)) for number in (34, 12, 0, 20)] == [49, 27, 15, 35]
        assert (clip.times[0], clip.rate()) == (0.0, Fraction(25))


def test_frames_of_uneven_length_have_their_own_times(tmp_path: Path) -> None:
    ticks = [0, 40, 80, 200, 230, 300, 1000, 1040]
    path = write_cards(tmp_path / "a.mkv", 8, rate=Fraction(1000), times=ticks)
    with Clip(path) as clip:
        assert [number_on(shown) for shown in clip.pictures()] == list(range(8))
        assert clip.times == pytest.approx([tick / 1000 for tick in ticks])
        assert float(clip.rate()) == pytest.approx(7 / 1.04, rel=0.001)
        assert [number_on(clip.picture(number)) for number in (6, 3, 0)] == [6, 3, 0]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24_000, 1001), NTSC, Fraction(60)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_constant_rate_is_found_exactly(tmp_path: Path, rate: Fraction, name: str) -> None:
    with Clip(write_cards(tmp_path / name, 10, rate=rate, options={"preset": "ultrafast"})) as clip:
        assert clip.holds(9)
        assert clip.rate() == rate


@pytest.mark.parametrize("what", ["open groups", "open groups in Matroska", "HEVC", "VP9", "MPEG-4 in AVI"])
def test_where_keyframes_are_near_nothing_is_decoded_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    name, codec, how = FORMATS[what]
    path = write_cards(tmp_path / name, 120, codec, **how)
    with Clip(path, memory=2 * SMALL) as clip:
        for _ in clip.pictures():
            pass
        decoded = count_decoded(monkeypatch)
        for number in range(119, -1, -1):
            clip.picture(number)
        assert decoded() < 105  # 96 are not in the window yet
        before = decoded()
        assert number_on(clip.picture(110)) == 110
        assert decoded() - before < 50


@pytest.mark.parametrize("lie", ["past it", "times that are another frame's", "a frame left out", "nowhere"])
def test_a_file_in_which_a_seek_leads_elsewhere_is_read_from_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    path = write_cards(tmp_path / "a.mkv", 60, options=X264["open groups"])
    with Clip(path, memory=SMALL) as clip:
        forward = list(clip.pictures())
        clip.picture(0)
        lie_after_seeks(monkeypatch, lie)
        for number in (45, *range(59, -1, -1), 7, 55):
            assert np.array_equal(clip.picture(number), forward[number]), number


def lie_after_seeks(monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    """What damaged indexes do, and no file that FFmpeg writes."""
    seek, frames = Reel.seek, Reel.frames
    astray = False

    def seek_elsewhere(reel: Reel, pts: int) -> bool:
        nonlocal astray
        astray = True
        return lie != "nowhere" and seek(reel, pts + 600 if lie == "past it" else pts)

    def frames_of_it(reel: Reel) -> Iterator[VideoFrame]:
        nonlocal astray
        lying, astray = astray, False
        for count, frame in enumerate(frames(reel)):
            if lying and lie == "times that are another frame's" and frame.pts is not None:
                frame.pts -= 40
            if not (lying and lie == "a frame left out" and count == 5):
                yield frame

    monkeypatch.setattr(Reel, "seek", seek_elsewhere)
    monkeypatch.setattr(Reel, "frames", frames_of_it)


def test_a_long_group_is_decoded_a_few_times_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_cards(tmp_path / "a.mp4", 250, options=X264["one long group"])
    room = 82 * WIDTH * HEIGHT * 3 // 2
    with Clip(path, memory=room) as clip:
        for _ in clip.pictures():
            pass
        decoded = count_decoded(monkeypatch)
        for number in range(249, -1, -1):
            assert number_on(clip.picture(number)) == number
    assert decoded() < 2.5 * 250


def count_decoded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many frames are taken out of decoders from now on."""
    count, real = 0, Reel.frames

    def frames(reel: Reel) -> Any:
        nonlocal count
        for frame in real(reel):
            count += 1
            yield frame

    monkeypatch.setattr(Reel, "frames", frames)
    return lambda: count


def test_only_the_first_frames_are_used_where_there_is_a_bound(tmp_path: Path) -> None:
    with Clip(write_cards(tmp_path / "a.mp4", 30), most=7) as clip:
        assert clip.expected() == 7
        assert len(list(clip.pictures())) == len(clip.times) == 7
        with pytest.raises(IndexError, match=r"a\.mp4 has no frame 7"):
            clip.picture(7)


# What a camera held so writes: the picture that must be turned to see it upright.


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("These are words. " * 500)
    write_cards(tmp_path / "video.mp4", 2)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile video.mp4\n")
    (tmp_path / "empty.mp4").touch()
    for name in ("words.mp4", "list.mp4", "empty.mp4", "missing.mp4"):
        with pytest.raises(PhotoError, match=f"The video {name} cannot be read") as caught:
            Clip(tmp_path / name)
        assert "MP4, MOV, MKV, WebM or AVI" in caught.value.hint


def test_a_song_is_no_video_even_with_its_cover(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=48_000)
        stream.layout = "mono"
        cover: Any = container.add_stream("mjpeg")
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(card(1), format="bgr24")))
        container.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(PhotoError, match=r"song\.mp4 has no video in it"):
        Clip(path)


@pytest.mark.parametrize("size", [(32, 300), (300, 32)])
def test_a_video_too_small_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", [card(1, *size)] * 2)
    with pytest.raises(PhotoError, match="too small") as caught:
        Clip(path)
    assert "64 to 8192" in caught.value.hint


def test_a_damaged_video_is_told_when_the_damage_is_met(tmp_path: Path) -> None:
    path = write_cards(tmp_path / "a.mov", 40, "prores_ks", pixels="yuv422p10le")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 30_000] = bytes(30_000)
    path.write_bytes(content)
    with Clip(path) as clip, pytest.raises(PhotoError, match=r"a\.mov is damaged"):
        list(clip.pictures())


def test_a_clip_that_was_left_holds_nothing_open(tmp_path: Path, open_files: Callable[[], set[str]]) -> None:
    path = write_cards(tmp_path / "a.mp4", 5)
    with Clip(path) as clip:
        clip.picture(4)
        assert str(path) in open_files()
    assert str(path) not in open_files()
