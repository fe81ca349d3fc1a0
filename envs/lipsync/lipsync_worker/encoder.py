"""Frames and sound into an MP4 as they come: H.264 and AAC, indexed at the front so that it plays at once."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipsync_worker.recording import Recording, decoded
from shared_schema.errors import OutputError

__all__ = ["VideoWriter"]

THREADS = 1  # the bytes x264 writes depend on it
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
BT709 = 1


class VideoWriter:
    """Writes one MP4. As a context manager it closes the file however the block ends.

    Raises OutputError where the file cannot be written (folder gone, disk full).
    """

    def __init__(
        self, path: Path, size: tuple[int, int], rate: Fraction, speech: Path, recording: Recording
    ) -> None:
        """`size` (width, height) in pixels, both even; `rate` frames a second; `speech` becomes the sound."""
        self.path, self.size, self.rate = path, size, rate
        self.frames = 0
        self._seconds_of_sound = 0.0
        self._speech, self._recording = speech, recording
        self._reformatter = VideoReformatter()

    def __enter__(self) -> Self:
        try:
            self._container = av.open(str(self.path), "w", format="mp4", options={"movflags": "+faststart"})
        except (av.FFmpegError, OSError) as error:
            raise _output_error(self.path, error) from error
        self._video = self._add_video()
        self._audio = self._add_audio()
        self._sound = self._packets()
        return self

    def _add_video(self) -> VideoStream:
        options = {
            "preset": "veryfast",
            "crf": "17",
            "threads": str(THREADS),
            "x264-params": "chroma-qp-offset=-3",
        }
        stream = self._container.add_stream("libx264", rate=self.rate, options=options)
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / self.rate
        context.thread_count = THREADS
        context.color_range, context.colorspace = 1, BT709
        context.color_primaries, context.color_trc = BT709, BT709
        return stream

    def _add_audio(self) -> AudioStream:
        rate = self._recording.rate if self._recording.rate in AAC_RATES else 48000
        layout = "mono" if self._recording.channels == 1 else "stereo"
        stream = self._container.add_stream("aac", rate=rate)
        stream.layout = layout
        stream.bit_rate = min(6 * rate, 96_000) * (1 if layout == "mono" else 2)
        return stream

    def write(self, picture: NDArray[np.uint8]) -> None:
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
            raise _output_error(self.path, error) from error

    def _packets(self) -> Generator[bool]:
        """Encode the sound piece by piece, one piece a step."""
        stream = self._audio
        resampler = AudioResampler(format="fltp", layout=stream.layout.name, rate=stream.rate)
        done = 0
        with closing(decoded(self._speech)) as frames:
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except (av.FFmpegError, OSError) as failure:
            raise _output_error(self.path, failure) from failure
        finally:
            self._sound.close()
            self._let_go()

    def _finish(self) -> None:
        """Write what is still held back, and the index."""
        for _ in self._sound:
            pass
        self._container.mux(self._video.encode(None))
        self._container.mux(self._audio.encode(None))
        self._container.close()

    def _let_go(self) -> None:
        """Close the file; a second close does nothing."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            return  # a file that could not be finished is lost, and why is being raised already


def _output_error(path: Path, error: Exception) -> OutputError:
    if getattr(error, "errno", None) == errno.ENOSPC:
        return OutputError(
            f"The disk is full: {path.name} could not be written.", "Free some space and try again."
        )
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"The video {path.name} could not be written: {reason}.")
