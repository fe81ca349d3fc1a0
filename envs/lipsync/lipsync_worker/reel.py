"""A video file while it is decoded: its frames in the order in which they are shown, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from shared_schema.errors import PhotoError

__all__ = ["Reel"]

_OPTIONS: Final = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi",
    "protocol_whitelist": "file",
}
"""What FFmpeg may open as a video. Not play lists and the like, which name further files or hosts."""

_THREADS: Final = 4
"""Of a decoder; each keeps a frame. On two cores four read 786 frames of 1920x1080 a second, one 605."""

_UNKNOWN_RATE: Final = Fraction(25)

_HINT: Final = "Use an MP4, MOV, MKV, WebM or AVI video."


class Reel:
    """An open video. PhotoError where the file is none.

    `rates` is what the file says of its frames a second, the most trustworthy first; `tick` the unit of a
    frame's `pts` in seconds; `timed` whether those are the times at which frames are shown; `count` how many
    frames to expect, 0 where that is not known; `aspect` how much wider than high a pixel is shown.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._container = av.open(str(path), "r", options=dict(_OPTIONS))
        except (av.FFmpegError, OSError) as error:
            raise PhotoError(f"The video {path.name} cannot be read.", _HINT) from error
        try:
            self._stream = self._shown()
        except PhotoError:
            self.close()
            raise
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = _THREADS
        self._describe()

    def _shown(self) -> VideoStream:
        """The stream of pictures. A song's cover is none."""
        for stream in self._container.streams.video:
            if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
                return stream
        raise PhotoError(f"The file {self.path.name} has no video in it.", _HINT)

    def _describe(self) -> None:
        stream = self._stream
        unit = stream.time_base or Fraction(1, 1000)
        self.tick = Fraction(unit.numerator, unit.denominator)
        said = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
        self.rates = [Fraction(rate.numerator, rate.denominator) for rate in said] or [_UNKNOWN_RATE]
        # AVI knows no times: with B-frames what FFmpeg makes of its order goes back and forth.
        self.timed = self._container.format.name != "avi"
        seconds = float(stream.duration * self.tick) if stream.duration else self._seconds()
        self.count = stream.frames or round(seconds * self.rates[0])
        pixel = stream.sample_aspect_ratio
        shown = Fraction(pixel.num, pixel.den) if pixel.num > 0 and pixel.den > 0 else Fraction(1)
        self.aspect = shown if Fraction(1, 8) <= shown <= 8 else Fraction(1)

    def _seconds(self) -> float:
        return (self._container.duration or 0) / av.time_base

    def frames(self) -> Iterator[VideoFrame]:
        """The frames that come next. PhotoError where they are damaged."""
        try:
            yield from self._container.decode(self._stream)
        except av.FFmpegError as error:
            raise PhotoError(
                f"The video {self.path.name} is damaged: {error.strerror}.", "Save it anew from its source."
            ) from error

    def seek(self, pts: int) -> bool:
        """Go to a keyframe that is shown at this time or before it, in ticks; whether that worked."""
        try:
            self._container.seek(pts, stream=self._stream)
        except (av.FFmpegError, OSError):
            return False
        return True

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
