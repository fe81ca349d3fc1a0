"""Reads a recording, whatever its format, as mono samples at the rate that is wanted.

soundfile says how long a file is by its header, before anything is decoded. FFmpeg (inside PyAV's
wheel) then decodes and resamples piece by piece, so one path serves wav, flac, ogg, mp3, m4a and the
sound of a video. What is too large or too long is refused before it fills memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.container
import numpy as np
import soundfile

from shared_schema.errors import RecordingError
from shared_schema.limits import (
    MAX_RECORDING_BYTES,
    MAX_VOICE_SECONDS,
    MIB,
    MIN_VOICE_SECONDS,
    RECORDING_OPTIONS,
)
from tts_worker.chunk import Samples

__all__ = ["read_recording", "recorded_rate", "resampled"]

DECLARES_LENGTH = frozenset({"wav", "w64", "aiff", "caf", "au", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "wv"})
"""The containers whose header says how long the sound is, so that a cut file is noticed."""

SILENCE = 10 ** (-60 / 20)
"""A recording whose loudest 50 ms stay below -60 dB of full scale holds no voice."""

LOWEST_RATE, HIGHEST_RATE = 4_000, 768_000
CUT_SECONDS = 0.25
CANCELLED = 0.01
"""Channels whose mean keeps less of the power than this are each other's mirror image."""

CUT_BYTES = 1024
RIFF_UNKNOWN = 0x7FFF0000
"""Programs that write to a pipe put a length of about this or more, for want of a true one."""

_SUPPORTED = "Give a wav, flac, ogg, mp3 or m4a file."


def read_recording(
    path: Path,
    rate: int,
    *,
    shortest: float = MIN_VOICE_SECONDS,
    longest: float = MAX_VOICE_SECONDS,
) -> Samples:
    """The recording as (N,) samples in [-1, 1] at `rate` Hz, its channels averaged.

    `shortest` and `longest` are seconds. RecordingError where the file is missing, empty, too large,
    no sound, damaged or cut short, holds no samples or ones that are not numbers, is silent, or its
    length is out of bounds.
    """
    _check_file(path)
    _check_header(path, longest)
    try:
        with av.open(path, options=dict(RECORDING_OPTIONS)) as container:
            samples = _read(container, path.name, rate, longest)
    except (av.FFmpegError, ValueError) as error:  # ValueError: its rate or channels change midway
        raise RecordingError(
            f"The recording {path.name} is damaged, or not a sound recording.", _SUPPORTED
        ) from error
    seconds = len(samples) / rate
    if not len(samples):
        raise RecordingError(f"The recording {path.name} holds no sound: it has no samples.", _SUPPORTED)
    if seconds < shortest:
        raise RecordingError(
            f"The recording {path.name} is {seconds:.1f} seconds long, too short to match a voice.",
            f"At least {shortest:g} second is needed: record ten seconds or more of clear speech.",
        )
    if _loudest(samples, rate) < SILENCE:
        raise RecordingError(f"The recording {path.name} is silent.", "Give one in which somebody speaks.")
    return samples


def recorded_rate(path: Path) -> int:
    """The rate of a recording that `read_recording` takes, Hz."""
    with av.open(path, options=dict(RECORDING_OPTIONS)) as container:
        return int(container.streams.audio[0].rate)


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Mono samples at another rate (Hz)."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
    frame.rate = rate
    resampler = av.AudioResampler(format="flt", rate=wanted)
    return np.concatenate([_mono(resampler.resample(frame)), _mono(resampler.resample(None))])


def _check_file(path: Path) -> None:
    """RecordingError where there is no use in opening this file."""
    try:
        if not path.is_file():
            raise RecordingError(f"There is no recording {path.name}.", "Check the path.")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise RecordingError(
            f"The recording {path.name} cannot be read: {error.strerror}.", "Check its permissions."
        ) from error
    if size == 0:
        raise RecordingError(f"The recording {path.name} is empty.", _SUPPORTED)
    if size > MAX_RECORDING_BYTES:
        raise RecordingError(
            f"The recording {path.name} has more than {MAX_RECORDING_BYTES / MIB:.0f} MiB.",
            "A minute of speech is enough: cut the recording.",
        )
    # FFmpeg believes the file's size rather than a wav or aiff header, and so would not notice.
    declared = _declared_bytes(head)
    if declared > size + CUT_BYTES:
        raise RecordingError(
            f"The recording {path.name} is cut short: it says {declared} bytes and has {size}.",
            "Copy or export the recording once more.",
        )


def _check_header(path: Path, longest: float) -> None:
    """RecordingError where the header alone tells that the recording is too long or of an odd rate."""
    try:
        header = soundfile.info(path)
    except soundfile.LibsndfileError:
        return  # not a format of libsndfile (m4a, the sound of a video): FFmpeg will tell
    _check_rate(path.name, header.samplerate)
    if header.duration > longest:
        raise _too_long(path.name, longest)


def _check_rate(name: str, rate: int) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise RecordingError(
            f"The recording {name} has {rate} samples a second, which no recorder makes.", _SUPPORTED
        )


def _too_long(name: str, longest: float) -> RecordingError:
    return RecordingError(
        f"The recording {name} is longer than {longest:g} seconds.",
        "A minute of speech is enough: cut the recording.",
    )


def _declared_bytes(head: bytes) -> int:
    """The file's size as the first eight bytes of a wav or aiff file tell; 0 where they do not."""
    length = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big")
    return length + 8 if head[:4] in (b"RIFF", b"FORM") and length < RIFF_UNKNOWN else 0


def _read(container: av.container.InputContainer, name: str, rate: int, longest: float) -> Samples:
    if not container.streams.audio:
        raise RecordingError(f"The recording {name} has no sound in it.", _SUPPORTED)
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise RecordingError(f"The recording {name} is coded in a way that cannot be read.", _SUPPORTED)
    _check_rate(name, stream.rate)
    decoded = 0
    pieces: list[Samples] = []
    for frame, converted in _converted(container, stream, rate):
        decoded += frame.samples if frame is not None else 0
        if decoded > longest * stream.rate:
            raise _too_long(name, longest)
        if not np.isfinite(converted).all():
            raise RecordingError(
                f"The recording {name} holds samples that are not numbers.", "Export the recording once more."
            )
        pieces.append(converted)
    declared, held = _declared_seconds(container, stream), decoded / stream.rate
    if declared is not None and held < declared - CUT_SECONDS:
        raise RecordingError(
            f"The recording {name} is cut short: it says {declared:.1f} seconds and holds {held:.1f}.",
            "Copy or export the recording once more.",
        )
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _converted(
    container: av.container.InputContainer, stream: Any, rate: int
) -> Iterator[tuple[av.AudioFrame | None, Samples]]:
    """Each decoded frame (None at the end, for what the resampler still held) and its mono samples."""
    resampler = av.AudioResampler(format="flt", rate=rate)
    for frame in container.decode(stream):
        frame.pts = None  # gaps and jumps of broken time stamps are no concern of a voice's measure
        yield frame, _mono(resampler.resample(frame))
    yield None, _mono(resampler.resample(None))


def _mono(frames: list[av.AudioFrame]) -> Samples:
    """The mean of the channels; the loudest where they cancel each other.

    The frames are interleaved: PyAV 18 reads planes past the eighth amiss.
    """
    pieces = [np.zeros(0, np.float32)]
    for frame in frames:
        channels = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
        mean = channels.mean(axis=1, dtype=np.float32)
        power = np.square(channels).sum(axis=0)
        cancelled = np.square(mean).sum() < CANCELLED * power.max()
        pieces.append(channels[:, power.argmax()].astype(np.float32) if cancelled else mean)
    return np.concatenate(pieces)


def _declared_seconds(container: av.container.InputContainer, stream: Any) -> float | None:
    """How long the header says the sound is; None where the container's word is an estimate."""
    if container.format.name not in DECLARES_LENGTH or stream.duration is None:
        return None
    return float(stream.duration * stream.time_base)


def _loudest(samples: Samples, rate: int) -> float:
    """The root mean square of the loudest 50 ms."""
    size = min(len(samples), rate // 20)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return float(np.sqrt(np.mean(np.square(blocks), axis=1)).max())
