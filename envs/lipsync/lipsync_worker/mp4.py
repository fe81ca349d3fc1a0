"""An MP4 under way, H.264 and AAC: a file indexed at the front, or fragments that play while they are made.

pictures ──H.264──┐                      file:   moov, mdat           (faststart)
                  ├──interleaved──> mp4
voice ─────AAC────┘                      stream: moov, moof, mdat, moof, mdat, ...
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipsync_worker.h264 import THREADS, h264
from lipsync_worker.voice import Voice
from shared_schema.errors import OutputError
from shared_schema.limits import MIB

__all__ = ["Mp4", "Send"]

Send = Callable[[bytes], None]
"""Takes a piece of a stream, at most `PIECE` bytes; an empty one is its end."""

PIECE = 4 * MIB
FRAGMENT = 500_000  # microseconds
FILE = {"movflags": "+faststart"}
# A moov that waits for the first fragment can tell what the AAC encoder put in front of the sound: without it
# the first picture stays 43 ms longer, at 24 kHz, and the rate is no longer the true one.
STREAM = {
    "movflags": "+empty_moov+delay_moov+default_base_moof",
    "frag_duration": str(FRAGMENT),
    "flush_packets": "1",
}
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
BT709 = 1


class Mp4:
    """One MP4. Belongs to one thread at a time; close it however the work ends.

    Raises OutputError where it cannot be written, and what `sink` raises, or the voice.
    """

    def __init__(
        self,
        sink: Path | Send,
        size: tuple[int, int],
        rate: Fraction,
        voice: Voice,
        *,
        device: str = "cpu",
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """As `encoder.VideoWriter`. `check` is called while it waits for the voice, and may raise to stop."""
        self.size, self.rate = size, rate
        self.frames = 0
        self._what = f"video {sink.name}" if isinstance(sink, Path) else "video"
        self._outlet = None if isinstance(sink, Path) else _Outlet(sink)
        self._container = self._open(self._outlet or str(sink))
        self._video = self._add_video(device, live=self._outlet is not None)
        self._audio = self._add_audio(voice)
        self._seconds_of_sound = 0.0
        self._sound = self._packets(voice, check)
        self._reformatter = VideoReformatter()

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Encode one frame, BGR (height, width, 3), and the sound up to its end."""
        frame = VideoFrame.from_ndarray(picture, format="bgr24")
        frame = self._reformatter.reformat(
            frame, format="yuv420p", src_colorspace=Colorspace.ITU709, dst_colorspace=Colorspace.ITU709
        )
        frame.pts, frame.time_base = self.frames, 1 / self.rate
        self.frames += 1
        try:
            self._container.mux(self._video.encode(frame))
            while self._seconds_of_sound < self.frames / self.rate and next(self._sound, None):
                pass
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._pass_on()

    def finish(self) -> None:
        """Write what is still held back: the rest of the sound, and a file's index."""
        try:
            for _ in self._sound:
                self._pass_on()
            self._container.mux(self._video.encode(None))
            self._container.mux(self._audio.encode(None))
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        if self._outlet is not None:
            self._outlet.end()

    def close(self) -> None:
        """Let go of everything; a second close does nothing. What is unfinished stays so."""
        self._sound.close()
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            return  # a file that could not be finished is lost, and why is being raised already

    def _open(self, file: _Outlet | str) -> OutputContainer:
        try:
            return av.open(file, "w", format="mp4", options=STREAM if self._outlet else FILE)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _add_video(self, device: str, *, live: bool) -> VideoStream:
        encoder = h264(device, self.rate, live=live)
        stream = self._container.add_stream(encoder.name, rate=self.rate, options=encoder.options)
        assert isinstance(stream, VideoStream)  # noqa: S101 - PyAV tells by the literal name
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / self.rate
        context.thread_count = THREADS
        if encoder.keyframe:
            context.gop_size = encoder.keyframe
        context.color_range, context.colorspace = 1, BT709
        context.color_primaries, context.color_trc = BT709, BT709
        return stream

    def _add_audio(self, voice: Voice) -> AudioStream:
        rate = voice.rate if voice.rate in AAC_RATES else 48000
        layout = "mono" if voice.channels == 1 else "stereo"
        stream = self._container.add_stream("aac", rate=rate)
        stream.layout = layout
        stream.bit_rate = min(6 * rate, 96_000) * (1 if layout == "mono" else 2)
        return stream

    def _packets(self, voice: Voice, check: Callable[[], None]) -> Generator[bool]:
        """Encode the sound piece by piece, one piece a step."""
        stream = self._audio
        resampler = AudioResampler(format="fltp", layout=stream.layout.name, rate=stream.rate)
        done = 0
        with closing(voice.track(check)) as frames:
            for frame in frames:
                frame.pts = None
                for part in resampler.resample(frame):
                    part.pts, part.time_base = done, Fraction(1, stream.rate)
                    done += part.samples
                    self._container.mux(stream.encode(part))
                self._seconds_of_sound = done / stream.rate
                yield True
        for part in resampler.resample(None):
            part.pts, part.time_base = done, Fraction(1, stream.rate)
            done += part.samples
            self._container.mux(stream.encode(part))

    def _pass_on(self) -> None:
        if self._outlet is not None:
            self._outlet.pass_on()

    def _failed(self, error: Exception) -> OutputError:
        if getattr(error, "errno", None) == errno.ENOSPC:
            return OutputError(
                f"The disk is full: the {self._what} could not be written.", "Free some space and try again."
            )
        reason = getattr(error, "strerror", None) or str(error)
        return OutputError(f"The {self._what} could not be written: {reason}.")


class _Outlet:
    """What the muxer takes for a file: keeps what it wrote until it can be passed on, fragment by fragment.

    Never within the muxer's own call: what `send` raises shall come out as it is.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept = bytearray()

    def write(self, data: bytes) -> int:
        self._kept += data
        return len(data)

    def pass_on(self) -> None:
        kept, self._kept = self._kept, bytearray()
        for start in range(0, len(kept), PIECE):
            self._send(bytes(kept[start : start + PIECE]))

    def end(self) -> None:
        self.pass_on()
        self._send(b"")
