"""The pictures of a clip look as they are meant to: upright, square, in their colours."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lipsync_worker.clip import Clip
from tests.workers.lipsync.clips import HEIGHT, WIDTH, card, number_on, write_video

TURNS = {0: 0, 90: -1, 180: 2, 270: 1}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", TURNS)
def test_a_turned_or_mirrored_video_is_made_upright(tmp_path: Path, degrees: int, mirrored: bool) -> None:
    stored = card(1234)
    if mirrored:
        stored = stored[:, ::-1]
    stored = np.ascontiguousarray(np.rot90(stored, TURNS[degrees]))
    path = write_video(tmp_path / "a.mp4", [stored] * 2, rotation=degrees, mirrored=mirrored)
    with Clip(path) as clip:
        shown = clip.picture(0)
        assert (clip.width, clip.height, shown.shape) == (WIDTH, HEIGHT, (HEIGHT, WIDTH, 3))
        assert number_on(shown) == 1234
        assert shown[20, 20].tolist() == pytest.approx([0, 0, 230], abs=25)


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [card(77, 240, 180)] * 2, aspect=Fraction(4, 3))
    with Clip(path) as clip:
        assert (clip.width, clip.height) == (320, 180)
        assert number_on(clip.picture(1)) == 77


@pytest.mark.parametrize(
    ("size", "longest", "shape"), [((321, 181), None, (181, 321)), ((321, 181), 160, (90, 160))]
)
def test_odd_sizes_are_kept_and_pictures_are_scaled_as_wanted(
    tmp_path: Path, size: tuple[int, int], longest: int | None, shape: tuple[int, int]
) -> None:
    path = write_video(tmp_path / "a.mkv", [card(5, *size)] * 2, pixels="yuv444p")
    with Clip(path, longest=longest) as clip:
        assert clip.picture(1).shape == (*shape, 3)
        assert (clip.width, clip.height, clip.shape) == (*size, shape)
        assert clip.scale == pytest.approx(shape[1] / size[0], abs=0.001)
        assert number_on(clip.picture(1)) == 5


# Pure red as it is stored, by BT.709, by BT.601, and by that in full range.
RED709, RED601, RED_FULL = (63, 102, 240), (81, 90, 240), (76, 85, 255)


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ({}, RED601),
        ({"colorspace": 1}, RED709),
        ({"colorspace": 6}, RED601),
        ({"colorspace": 6, "color_range": 2}, RED_FULL),
    ],
)
def test_colours_are_those_that_were_meant(
    tmp_path: Path, said: dict[str, int], stored: tuple[int, int, int]
) -> None:
    with Clip(write_planes(tmp_path / "a.mkv", [stored] * 2, 8, **said)) as clip:
        assert clip.picture(0)[90, 160].tolist() == pytest.approx([0, 0, 255], abs=4)


def test_colours_of_a_large_video_that_does_not_say_which_are_those_of_hd(tmp_path: Path) -> None:
    with Clip(write_planes(tmp_path / "a.mkv", [RED709] * 2, 8, height=720)) as clip:
        assert clip.picture(0)[90, 160].tolist() == pytest.approx([0, 0, 255], abs=4)


@pytest.mark.parametrize(("curve", "white"), [(16, 594), (18, 721)])
def test_paper_white_of_a_bright_video_is_white_and_three_quarters_of_its_code_is_grey(
    tmp_path: Path, curve: int, white: int
) -> None:
    """203 cd/m2 is 58 % of PQ and 75 % of HLG (ITU-R BT.2408, table 1)."""
    bright = {"colorspace": 9, "color_primaries": 9, "color_trc": curve, "color_range": 1}
    stored = [(white, 512, 512), (white * 3 // 4, 512, 512)]
    with Clip(write_planes(tmp_path / "a.mkv", stored, 10, **bright)) as clip:
        shades = [shown[90, 160].tolist() for shown in clip.pictures()]
    assert shades[0] == pytest.approx([253] * 3, abs=3)
    assert all(90 < shade < 200 for shade in shades[1])


def write_planes(
    path: Path, frames: list[tuple[int, int, int]], bits: int, *, height: int = HEIGHT, **colours: int
) -> Path:
    """Frames of one colour each, given as it is stored."""
    kind = np.uint8 if bits == 8 else np.uint16
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = WIDTH, height
        stream.pix_fmt = "yuv420p" if bits == 8 else "yuv420p10le"
        for name, value in colours.items():
            setattr(stream.codec_context, name, value)
        for number, values in enumerate(frames):
            frame = av.VideoFrame(WIDTH, height, stream.pix_fmt)
            for plane, value in zip(frame.planes, values, strict=True):
                plane.update(np.full(plane.buffer_size * 8 // np.iinfo(kind).bits, value, kind).tobytes())
            for name, value in colours.items():
                setattr(frame, name, value)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
