"""Videos in which each frame says its number, in any format that FFmpeg writes."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from lipsync_worker.arrays import Picture, picture

__all__ = ["HEIGHT", "WIDTH", "X264", "card", "number_on", "write_cards", "write_video"]

WIDTH, HEIGHT = 320, 180
_BITS = 12

X264 = {
    "one long group": {"x264-params": "keyint=250:scenecut=0:bframes=3:b-pyramid=normal"},
    "open groups": {
        "x264-params": "keyint=12:min-keyint=12:scenecut=0:open-gop=1:bframes=3:b-pyramid=normal"
    },
    "no keyframes": {"x264-params": "keyint=20:intra-refresh=1:bframes=0"},
}


def card(number: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A picture that says a number in twelve bars, red in its upper left corner."""
    drawn = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    for bit in range(_BITS):
        if number >> bit & 1:
            drawn[60:150, 10 + 25 * bit : 30 + 25 * bit] = 220
    drawn[:40, :60] = 0, 0, 230
    return picture(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA))


def number_on(shown: Picture) -> int:
    """The number that an upright card says, of any size."""
    bars = cv2.resize(shown, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).mean(axis=2)
    return sum(1 << bit for bit in range(_BITS) if bars[80:130, 14 + 25 * bit : 26 + 25 * bit].mean() > 140)


def write_video(
    path: Path,
    pictures: Iterable[Picture],
    codec: str = "libx264",
    *,
    rate: Fraction = Fraction(25),
    times: Iterable[int] | None = None,
    options: dict[str, str] | None = None,
    pixels: str = "yuv420p",
    **more: Any,
) -> Path:
    """Write pictures; `times` are in ticks of 1 / `rate`, one after another if None.

    `more` may be `muxer` (its options), `rotation` (degrees anticlockwise), `mirrored`, `aspect` of a pixel,
    and `colours` (attributes of the frames).
    """
    with av.open(str(path), "w", options=more.get("muxer", {})) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.pix_fmt, stream.codec_context.time_base = pixels, 1 / rate
        if "rotation" in more:
            stream.set_display_rotation(more["rotation"], hflip=more.get("mirrored", False))
        if "aspect" in more:
            stream.sample_aspect_ratio = more["aspect"]
        stamps = iter(times) if times is not None else None
        for number, shown in enumerate(pictures):
            if not number:
                stream.height, stream.width = shown.shape[:2]
            frame = av.VideoFrame.from_ndarray(shown, format="bgr24").reformat(format=pixels)
            for name, value in more.get("colours", {}).items():
                setattr(frame, name, value)
            frame.pts, frame.time_base = number if stamps is None else next(stamps), 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_cards(path: Path, count: int, codec: str = "libx264", **more: Any) -> Path:
    """Write the cards from 0 on, as `write_video`."""
    return write_video(path, map(card, range(count)), codec, **more)
