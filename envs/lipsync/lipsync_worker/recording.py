"""Recordings read as they stream by: any format that FFmpeg decodes, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from lipsync_worker.arrays import Floats
from shared_schema.errors import RecordingError
from shared_schema.limits import RECORDING_OPTIONS

__all__ = ["ANALYSIS_RATE", "Recording", "analysis_blocks", "decoded", "measure", "resampled"]

ANALYSIS_RATE = 16_000
HINT = "Use a WAV, FLAC, OGG, MP3 or M4A recording."


@dataclass(frozen=True)
class Recording:
    """A recording's length in seconds, its rate in Hz and its number of channels."""

    seconds: float
    rate: int
    channels: int


def decoded(path: Path) -> Generator[AudioFrame]:
    """The recording's frames, one after another; RecordingError where it cannot be read."""
    try:
        container = av.open(str(path), "r", options=dict(RECORDING_OPTIONS))
    except (av.FFmpegError, OSError) as error:
        raise RecordingError(f"The speech file {path.name} cannot be read as a recording.", HINT) from error
    with container:
        if not container.streams.audio:
            raise RecordingError(f"The speech file {path.name} has no sound track.", HINT)
        try:
            yield from container.decode(container.streams.audio[0])
        except av.FFmpegError as error:
            raise RecordingError(
                f"The speech file {path.name} is damaged: {error.strerror}.", HINT
            ) from error


def measure(path: Path, check: Callable[[], None]) -> Recording:
    """Read a recording to its end; RecordingError where it is empty, damaged or holds NaN.

    `check` is called now and then, and may raise to stop.
    """
    samples, rate, channels = 0, 0, 0
    with closing(decoded(path)) as frames:
        for frame in frames:
            check()
            if rate and frame.sample_rate != rate:
                raise RecordingError(f"The speech file {path.name} changes its sample rate midway.", HINT)
            rate, channels = frame.sample_rate, len(frame.layout.channels)
            if frame.format.name.startswith(("flt", "dbl")) and not np.isfinite(frame.to_ndarray()).all():
                raise RecordingError(f"The speech file {path.name} holds samples that are not numbers.", HINT)
            samples += frame.samples
    if not samples:
        raise RecordingError(f"The speech file {path.name} holds no sound.", HINT)
    return Recording(samples / rate, rate, channels)


def analysis_blocks(path: Path) -> Iterator[Floats]:
    """The recording as mono blocks of samples -1 to 1 at `ANALYSIS_RATE`."""
    return (block for block in resampled(decoded(path)) if block is not None)


def resampled(frames: Iterable[AudioFrame | None]) -> Generator[Floats | None]:
    """Frames of sound as mono blocks of samples -1 to 1 at `ANALYSIS_RATE`; None is passed on.

    The samples do not depend on how the sound is cut into frames.
    """
    resampler = AudioResampler(format="flt", layout="mono", rate=ANALYSIS_RATE)
    for frame in frames:
        if frame is None:
            yield None
            continue
        frame.pts = None  # some files stamp frames with gaps; samples are what counts
        yield from (_samples(part) for part in resampler.resample(frame))
    yield from (_samples(part) for part in resampler.resample(None))


def _samples(frame: AudioFrame) -> Floats:
    return np.asarray(frame.to_ndarray().reshape(-1), np.float32)
