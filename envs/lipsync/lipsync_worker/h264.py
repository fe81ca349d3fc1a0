"""Which encoder makes the H.264 of a video, and with what settings: x264, or the GPU's own if there is one.

              a file                        a stream
    x264      veryfast, crf 17              as a file, and no picture waits for a later one (zerolatency)
    NVENC     p4, cq 19                     as a file, and no B-frames, low latency

A data-centre GPU may have no NVENC, and a driver too old for it: whether it works is tried, not looked up.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

__all__ = ["H264", "KEYFRAMES", "THREADS", "h264"]

THREADS = 1
"""Of x264: the bytes it writes depend on it."""

KEYFRAMES = 2
"""Seconds between two pictures of a stream from which a player can begin, at most."""

TRIAL = (256, 256)  # NVENC refuses pictures of less than about 145 x 49

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class H264:
    """An encoder by FFmpeg's name of it, its private options, and after how many pictures a keyframe is due.

    `keyframe` 0 is as the encoder likes it.
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)
    keyframe: int = 0


def h264(device: str, rate: Fraction, *, live: bool) -> H264:
    """The encoder for `device` ("cpu", or "cuda" where a GPU was granted) at `rate` pictures a second.

    With `live` each picture can be sent as soon as it is encoded.
    """
    keyframe = max(int(KEYFRAMES * rate), 1) if live else 0
    if device == "cuda" and nvenc_works():
        low_latency = {"tune": "ll", "bf": "0", "zerolatency": "1", "delay": "0"} if live else {}
        return H264(
            "h264_nvenc", {"preset": "p4", "rc": "vbr", "cq": "19", "b": "0", **low_latency}, keyframe
        )
    options = {
        "preset": "veryfast",
        "crf": "17",
        "threads": str(THREADS),
        "x264-params": "chroma-qp-offset=-3",
    }
    return H264("libx264", options | ({"tune": "zerolatency"} if live else {}), keyframe)


@functools.cache
def nvenc_works() -> bool:
    """Whether this process can encode on a GPU: tried once, with one small picture, and logged."""
    try:
        context = VideoCodecContext.create("h264_nvenc", "w")
        assert isinstance(context, VideoCodecContext)  # noqa: S101 - PyAV types it as any kind of codec
        context.width, context.height = TRIAL
        context.pix_fmt, context.framerate, context.time_base = "yuv420p", Fraction(25), Fraction(1, 25)
        picture = VideoFrame.from_ndarray(np.zeros((*TRIAL, 3), np.uint8), format="bgr24")
        context.encode(picture.reformat(format="yuv420p"))
        context.encode(None)
    except (av.FFmpegError, OSError, ValueError) as error:
        log.info("Videos are encoded by x264: NVENC cannot be used here (%s).", error)
        return False
    log.info("Videos are encoded by the GPU's NVENC.")
    return True
