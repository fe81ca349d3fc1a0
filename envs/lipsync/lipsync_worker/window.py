"""The decoded frames of a video, numbered, of which the last ones are kept.

Frames are numbered as a decoder gives them from the start. Where they are met again, coming from a keyframe,
they are known by their time, and the keyframe by its pixels too: in a file in which a seek leads elsewhere,
or which has no such times, everything is decoded from the start again.

    from the start:  0 1 2 ... ────────────────────> next
    kept:                  [ a, a+1, ... next - 1 ]

To look at what lies before `a`, the window is filled anew, so that it ends with the frame that is wanted.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections import deque
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from lipsync_worker.reel import Reel
from shared_schema.errors import PhotoError

__all__ = ["Window"]


class Window:
    """Frames by their number, forward, backward or in any order.

    `times` is when those read so far are shown, in seconds from the first. `reel` is the open file.
    """

    def __init__(self, path: Path, most: int, memory: int) -> None:
        """Only the first `most` frames are used; about `memory` bytes of them are kept, at least one frame.

        PhotoError where the file is no video, or has no frame in it.
        """
        self._path, self._most, self._memory = path, most, memory
        self.times: list[float] = []
        self._ticks: list[int] = []
        self._keys: list[int] = []
        self._marks: dict[int, int] = {}
        self._seekable = True
        self._complete = False
        self._room = 1
        self._open()
        if not self.holds(0):
            self.close()
            raise PhotoError(f"The video {path.name} holds no picture.", "Use another video.")

    def _open(self) -> None:
        self.reel = Reel(self._path)
        self._begin(0)

    def _begin(self, number: int) -> None:
        """Have the decoder give this frame next; the window is empty."""
        self._frames = self.reel.frames()
        self._kept: deque[VideoFrame] = deque(maxlen=self._room)
        self._next = number

    def close(self) -> None:
        """Let go of the file and the frames."""
        self._kept.clear()
        self.reel.close()

    def holds(self, number: int) -> bool:
        """Whether there is a frame of this number, 0 the first; reads on where that is not known yet."""
        while number >= len(self.times) and not self._complete:
            self._complete = not self._reach(len(self.times))
        return 0 <= number < len(self.times)

    def frame(self, number: int) -> VideoFrame:
        """The frame of this number. IndexError where there is none."""
        if not self.holds(number):
            raise IndexError(f"The video {self._path.name} has no frame {number}.")
        while not self._next - len(self._kept) <= number < self._next:
            if not self._reach(number):
                raise PhotoError(f"The video {self._path.name} has changed while it was read.", "Try again.")
        return self._kept[number - self._next]

    def _reach(self, number: int) -> bool:
        """Decode up to a frame, from where that is the shortest way; whether it was there."""
        behind = number < self._next
        if behind or number - self._next > self._room:
            self._turn(number, behind=behind)
        while self._next <= number:
            frame = next(self._frames, None) if self._next < self._most else None
            if self._next < len(self.times):
                if self._seekable and (frame is None or frame.pts != self._ticks[self._next]):
                    self._seekable = False
                    self._rewind()
                    continue
            elif frame is not None:
                self._note(frame)
            if frame is None:
                return False
            self._kept.append(frame)
            self._next += 1
        return True

    def _turn(self, number: int, *, behind: bool) -> None:
        """Go to a frame from which reading on fills the window up to this number."""
        first = max(number - self._room + 1, 0)
        at = bisect_left(self._keys, first)
        if at == len(self._keys) or self._keys[at] > number:
            at -= 1  # no keyframe in what the window can hold: the one before
        while self._seekable and at > 0 and (behind or self._keys[at] > self._next):
            if self._land(self._keys[at]):
                return
            # A seek leads past it, or what is seen from there is another picture.
            del self._keys[at]
            at, behind = at - 1, True
        if behind:
            self._rewind()

    def _land(self, key: int) -> bool:
        """Seek a keyframe; whether it was met. What comes ahead of it may lack what it was made from."""
        if not self.reel.seek(self._ticks[key]):
            return False
        self._begin(key)
        for frame in self._frames:
            if frame.pts is None or frame.pts > self._ticks[key]:
                return False
            if frame.pts == self._ticks[key]:
                self._kept.append(frame)
                self._next += 1
                return _mark(frame) == self._marks[key]
        return False

    def _rewind(self) -> None:
        """Go to the start, in a way that always works."""
        self.close()
        self._open()

    def _note(self, frame: VideoFrame) -> None:
        """Remember of a frame that is met for the first time how to know it again, and when it is shown."""
        number = len(self.times)
        if not number:
            self._room = max(self._memory // sum(plane.buffer_size for plane in frame.planes), 1)
            self._kept = deque(maxlen=self._room)
        ordered = frame.pts is not None and (not self._ticks or frame.pts > self._ticks[-1])
        self._seekable = self._seekable and ordered
        self._ticks.append(frame.pts if frame.pts is not None else -1)
        if self.reel.timed and self._seekable:
            time = float((self._ticks[number] - self._ticks[0]) * self.reel.tick)
        else:
            time = self.times[-1] + float(1 / self.reel.rates[0]) if number else 0.0
        self.times.append(time)
        if frame.key_frame:
            self._keys.append(number)
            self._marks[number] = _mark(frame)


def _mark(frame: VideoFrame) -> int:
    """What tells one picture from another: a checksum of its brightness, of each fourth row.

    Rows are longer than the picture, and what stands behind it is anything.
    """
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))
    return zlib.crc32(np.ascontiguousarray(rows[::4, : plane.width]))
