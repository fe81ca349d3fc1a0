"""A video as pictures that are numbered from 0, to be looked at forward and backward."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lipsync_worker.arrays import Picture
from lipsync_worker.frame_rate import mean_rate
from lipsync_worker.upright import Upright
from lipsync_worker.window import Window
from shared_schema.errors import PhotoError
from shared_schema.frames import MAX_FRAMES, MAX_SIDE, MIN_SIDE

__all__ = ["Clip"]

_WINDOW_BYTES: Final = 256_000_000
"""Of decoded frames that are kept, 82 at 1920x1080. Backward, a group of pictures that is longer than that is
decoded once for each window in it. Measured there on two cores: 549 pictures a second forward; backward 371
where keyframes are 250 frames apart, 479 where 30."""


class Clip:
    """The pictures of a video file. A context manager: left, the file is closed.

    The same number is the same picture, whichever way it was come by. `width` and `height` are of the whole
    picture, upright; `scale` is how many pixels of those that are given there are for one of it, and `shape`
    their height and width.
    """

    def __init__(
        self,
        path: Path,
        *,
        most: int = MAX_FRAMES,
        longest: int | None = None,
        memory: int = _WINDOW_BYTES,
    ) -> None:
        """Only the first `most` frames are used; `longest` bounds the pictures' sides, pixels.

        About `memory` bytes are kept of decoded frames. PhotoError where the file is no video, or one whose
        frames are too small or too large.
        """
        self._name = path.name
        self._window = Window(path, most, memory)
        try:
            self._upright = Upright(self._window.frame(0), self._window.reel.aspect, longest)
            self.width, self.height = self._upright.width, self._upright.height
            self.scale, self.shape = self._upright.scale, self._upright.shape
            self._check_size()
        except BaseException:
            self.close()
            raise
        self._expected = min(self._window.reel.count, most)

    def _check_size(self) -> None:
        for sides in ((self.height, self.width), self.shape):
            if min(sides) < MIN_SIDE or max(sides) > MAX_SIDE:
                raise PhotoError(
                    f"The video {self._name} has {self.width} x {self.height} pixels, which is too small, too"
                    " large or too narrow.",
                    f"Each side needs {MIN_SIDE} to {MAX_SIDE}: scale it, or use another video.",
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file and of what was decoded."""
        self._window.close()

    @property
    def times(self) -> list[float]:
        """When the frames that were read so far are shown, in seconds from the first."""
        return self._window.times

    def expected(self, seconds: float = 0.0) -> int:
        """How many frames the file promises in its first `seconds`, in all if 0; 0 where nobody knows."""
        return min(self._expected, math.ceil(seconds * self._window.reel.rates[0])) or self._expected

    def rate(self, count: int | None = None) -> Fraction:
        """Frames a second of the first `count` frames, of all that were read if None.

        It is exact where it is constant, else the mean.
        """
        return mean_rate(self.times[:count], self._window.reel.rates, float(self._window.reel.tick))

    def holds(self, number: int) -> bool:
        """Whether there is a frame of this number; reads on where that is not known yet.

        PhotoError where what is read is damaged, here and in all that follows.
        """
        return self._window.holds(number)

    def picture(self, number: int) -> Picture:
        """The frame of this number, BGR (height, width, 3). IndexError where there is none."""
        return self._upright.picture(self._window.frame(number))

    def pictures(self) -> Iterator[Picture]:
        """All frames in order, from the first on."""
        number = 0
        while self.holds(number):
            yield self.picture(number)
            number += 1
