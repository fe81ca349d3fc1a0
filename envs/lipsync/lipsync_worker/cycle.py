"""Which frame of a clip is shown when: 0 1 ... N-1, then N-1 ... 1 0, then 0 1 ..., as long as needed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from fractions import Fraction

from shared_schema.records import Shots

__all__ = ["Cycle"]


class Cycle:
    """The frames of a clip for a video of another length and, perhaps, another rate.

    It is the one that is shown in the middle of the video's frame: of a clip with a constant rate, at that
    rate, each once on the way. Times are fractions, so that nothing adds up over an hour.
    """

    def __init__(self, shots: Shots, rate: Fraction | None = None) -> None:
        """`rate` is of the video, frames a second; the clip's own if None."""
        own = Fraction(shots.fps_numerator, shots.fps_denominator)
        self.rate = rate or own
        self._times = shots.times
        # The last frame is shown as long as the others on average.
        self._length = len(shots.times) / own

    def frame(self, number: int) -> int:
        """The number of the clip's frame for the video's frame `number`, both from 0."""
        time = (number + Fraction(1, 2)) / self.rate % (2 * self._length)
        if time < self._length:
            return bisect_right(self._times, float(time)) - 1
        return bisect_left(self._times, float(2 * self._length - time)) - 1
