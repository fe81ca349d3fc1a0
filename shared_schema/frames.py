"""Frames of a video as files that stages share: batches, not one message each.

A batch is a `.npy` file, uint8, shape (N, H, W, 3), upright sRGB. The files of a job, `frames`, `frames-2`
and so on, follow one another in time and have one size. They are mapped into memory and looked at frame by
frame, so that their number does not matter. NumPy is not needed: a frame is a buffer.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from shared_schema.errors import InputError
from shared_schema.npy import Layout, header, read_layout

__all__ = ["MAX_FRAMES", "MAX_SIDE", "MIN_SIDE", "Frames", "write_frames"]

MIN_SIDE: Final = 64
MAX_SIDE: Final = 8192
"""Bounds of a frame's sides, pixels."""

MAX_FRAMES: Final = 90_000
"""Most frames of a task, an hour at 25 a second: what is measured of them is 0.5 GB and stays in memory."""

_KIND: Final = "|u1"
_HEADER_BYTES: Final = 128


@dataclass(frozen=True)
class _Batch:
    """A mapped file: where its frames begin, in bytes, and how many there are."""

    memory: mmap.mmap
    start: int
    count: int


class Frames:
    """The frames of some batches, in order. InputError where a file is damaged or does not fit the others.

    Iterated as read-only buffers of shape (H, W, 3), of which each is mapped no longer than until the next.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        if not paths:
            raise InputError("There are no frames.", "Give at least one file of them.")
        self._batches: list[_Batch] = []
        self.height = self.width = 0
        try:
            for path in paths:
                self._add(path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return sum(batch.count for batch in self._batches)

    def __iter__(self) -> Iterator[memoryview]:
        size = self.height * self.width * 3
        for batch in self._batches:
            for index in range(batch.count):
                start = batch.start + index * size
                with memoryview(batch.memory) as whole:
                    yield whole[start : start + size].cast("B", (self.height, self.width, 3))
                _release(batch.memory, start, size)

    def close(self) -> None:
        """Let go of the files. What still looks at a frame keeps its own file mapped."""
        for batch in self._batches:
            try:
                batch.memory.close()
            except BufferError:  # a frame is still held: the mapping ends with it
                continue
        self._batches.clear()

    def _add(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                layout = read_layout(file)
                self._check(path, layout, path.stat().st_size - file.tell())
                memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self._batches.append(_Batch(memory, file.tell(), layout.shape[0]))
        except OSError as error:
            raise InputError(f"The frames {path.name} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise InputError(
                f"{path.name} holds no frames: {error}.",
                "Write them as NumPy array files, uint8, shape (frames, height, width, 3).",
            ) from error

    def _check(self, path: Path, layout: Layout, rest: int) -> None:
        """ValueError where these are no frames; InputError where there are too many, or of another size."""
        shape = layout.shape
        if layout.kind != _KIND or len(shape) != 4 or shape[3] != 3:
            raise ValueError(f"its elements are {layout.kind!r}, its shape {shape}")
        if shape[0] == 0:
            raise ValueError("it is empty")
        height, width = shape[1:3]
        if min(height, width) < MIN_SIDE or max(height, width) > MAX_SIDE:
            raise ValueError(f"{width} x {height} pixels are not between {MIN_SIDE} and {MAX_SIDE} each way")
        if rest != layout.size:
            raise ValueError("it is cut off" if rest < layout.size else "something stands behind them")
        if self._batches and (height, width) != (self.height, self.width):
            raise InputError(
                f"The frames of {path.name} are {width} x {height} pixels, those before"
                f" {self.width} x {self.height}.",
                "Scale all frames to one size.",
            )
        if len(self) + shape[0] > MAX_FRAMES:
            raise InputError(f"There are more than {MAX_FRAMES:,} frames.", "Split the video.")
        self.height, self.width = height, width


def write_frames(path: Path, frames: Iterable[memoryview | bytes], height: int, width: int) -> int:
    """Write a batch and say how many frames it holds; each a buffer of `height` x `width` x 3 bytes."""
    count = 0
    with path.open("wb") as file:
        file.write(header(Layout(_KIND, (0, height, width, 3)), _HEADER_BYTES))
        for frame in frames:
            if memoryview(frame).nbytes != height * width * 3:
                raise ValueError(f"A frame has {memoryview(frame).nbytes} bytes.")
            file.write(frame)
            count += 1
        file.seek(0)
        file.write(header(Layout(_KIND, (count, height, width, 3)), _HEADER_BYTES))
    return count


def _release(memory: mmap.mmap, start: int, size: int) -> None:
    """Give the pages of a frame that was seen back to the system; they come again when they are looked at."""
    if hasattr(mmap, "MADV_DONTNEED"):
        first = start // mmap.PAGESIZE * mmap.PAGESIZE
        memory.madvise(mmap.MADV_DONTNEED, first, start + size - first)
