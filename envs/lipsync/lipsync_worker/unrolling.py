"""The pictures of a clip into files that stages share, batch by batch."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lipsync_worker.clip import Clip
from shared_schema.engine import Context
from shared_schema.errors import OutputError, PhotoError
from shared_schema.frames import write_frames

__all__ = ["BATCH_BYTES", "unroll"]

BATCH_BYTES: Final = 64_000_000
"""Of pixels in one file."""

_SPARE_BYTES: Final = 500_000_000
"""What is left free for what comes after: the track, the video, and other programs."""

_REPORT_EVERY: Final = 5
"""Frames."""

_PHASE: Final = "reading the clip"


def unroll(clip: Clip, seconds: float, context: Context) -> int:
    """Write the frames of the first `seconds`, of all the clip where 0, and say how many there are.

    They are the artifacts `frames`, `frames-2` and so on, RGB. PhotoError where there is one only,
    OutputError where they will not fit on the disk: before any is written, if their number is known.
    """
    if not clip.holds(1):
        raise PhotoError("The video has one frame only.", "Use a longer one, or give its picture as a photo.")
    height, width = clip.shape
    size, total = height * width * 3, clip.expected(seconds)
    folder = context.output("frames", "frames.npy").parent
    _check_space(folder, total * size)
    rows = _frames(clip, seconds, total, context)
    count = 0
    for number, first in enumerate(rows, start=1):
        name = "frames" if number == 1 else f"frames-{number}"
        batch = itertools.chain([first], itertools.islice(rows, max(BATCH_BYTES // size, 1) - 1))
        _check_space(folder, BATCH_BYTES)
        try:
            count += write_frames(context.output(name, f"{name}.npy"), batch, height, width)
        except OSError as error:
            raise OutputError(f"The video's frames cannot be written: {error.strerror}.") from error
    context.progress(_PHASE, count, count)
    return count


def _frames(clip: Clip, seconds: float, total: int, context: Context) -> Iterator[bytes]:
    """The pixels of one frame after another, RGB."""
    for number, picture in enumerate(clip.pictures()):
        if number and seconds and clip.times[number] >= seconds:
            return
        if number % _REPORT_EVERY == 0:
            context.progress(_PHASE, number, max(total, number) if total else 0)
        yield picture[:, :, ::-1].tobytes()


def _check_space(folder: Path, size: int) -> None:
    needed, free = size + _SPARE_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"To follow the face in this video {needed / 1e9:.1f} GB are needed on the disk;"
            f" {free / 1e9:.1f} GB are free in {folder}.",
            "Free some space, or use a shorter video.",
        )
