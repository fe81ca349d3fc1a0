"""Frames and sound into a video as they come, encoded while the next frames are being made.

    write(picture) ──copy──> bounded queue ──> a thread of its own: colours, H.264, AAC, MP4 ──> sink
         ^ raises <──────────────────────────── its error

Encoders let go of the interpreter's lock, so the thread costs the frames' maker little.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lipsync_worker.follower import Follower
from lipsync_worker.mp4 import Mp4, Send
from lipsync_worker.voice import Voice
from shared_schema.engine import Context
from shared_schema.errors import Cancelled
from shared_schema.stages import LipsyncParams

__all__ = ["VideoWriter", "video_sink"]

WAITING = 6
"""Frames that may wait to be encoded: enough for the two sides to even out, 37 MB at 1080p."""


class VideoWriter:
    """Writes one MP4: to a file, or piece by piece to a function. As a context manager it is closed and its
    thread gone however the block ends.

    Raises OutputError where the video cannot be written (folder gone, disk full), and what the voice or the
    function raises: out of `write`, or when the block is left.
    """

    def __init__(
        self,
        sink: Path | Send,
        size: tuple[int, int],
        rate: Fraction,
        voice: Voice,
        *,
        device: str = "cpu",
    ) -> None:
        """`size` (width, height) in pixels, both even; `rate` frames a second; `voice` becomes the sound.

        A function as `sink` is called in another thread, with fragments of half a second, at most 4 MiB each.
        On "cuda" the GPU encodes, where it can.
        """
        self.sink, self.size, self.rate = sink, size, rate
        self.frames = 0
        self._voice, self._device = voice, device
        self._thread: Follower[NDArray[np.uint8]] = Follower("encoder", self._add, WAITING)

    def __enter__(self) -> Self:
        self._mp4 = Mp4(self.sink, self.size, self.rate, self._voice, device=self._device, check=self._check)
        self._thread.__enter__()
        return self

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Take one frame, BGR (height, width, 3), and the sound up to its end; waits while the queue is full.

        The picture may be changed as soon as this returns.
        """
        self._thread.give(picture.copy())
        self.frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._thread.__exit__(kind, error, trace)
            if kind is None:
                self._mp4.finish()
        finally:
            self._mp4.close()

    def _add(self, picture: NDArray[np.uint8]) -> None:
        self._mp4.add(picture)

    def _check(self) -> None:
        if self._thread.is_left:
            raise Cancelled("The video is not wanted any more.")


def video_sink(params: LipsyncParams, context: Context) -> Path | Send:
    """Where a task's video goes: to `video.mp4`, or with `LipsyncParams.stream` out as chunks named video."""
    if params.stream:
        return lambda data: context.chunk("video", data, last=not data)
    return context.output("video", "video.mp4")
