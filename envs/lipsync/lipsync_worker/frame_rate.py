"""The frame rate of a video by the times at which its frames are shown."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

__all__ = ["mean_rate"]


def mean_rate(times: Sequence[float], said: Sequence[Fraction], tick: float) -> Fraction:
    """Frames a second: the exact rate where it is constant, else the mean.

    `times` are seconds, rounded to multiples of `tick` as files do it (a 29.97th has no whole number of
    milliseconds); `said` what the file says of its rate, at least one. The exact rate is one of those, a
    whole one, or one of NTSC (SMPTE 170M).
    """
    if len(times) < 2 or times[-1] <= times[0]:
        return said[0]
    mean = (len(times) - 1) / (times[-1] - times[0])
    whole, ntsc = Fraction(round(mean)), Fraction(round(mean * 1.001) * 1000, 1001)
    for rate in (*said, whole, ntsc):
        if max(rate.numerator, rate.denominator) <= 1_000_000 and _is_constant(times, rate, tick):
            return rate
    return Fraction(mean).limit_denominator(1000)


def _is_constant(times: Sequence[float], rate: Fraction, tick: float) -> bool:
    """Whether frame n is shown at n / rate, as far as ticks can say that."""
    if rate <= 0:
        return False
    step = float(1 / rate)
    most = min(tick * 1.001, step / 4)
    return all(abs(time - times[0] - number * step) <= most for number, time in enumerate(times))
