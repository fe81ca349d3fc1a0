"""Takes the tremble out of points that were measured frame by frame, without making them late.

The One Euro filter (Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy
Input in Interactive Systems", CHI 2012): a low-pass filter whose cutoff rises with speed. A point at rest is
held still; one that moves is followed. Speeds are in widths of the face a second, so that it does not matter
how large a face is shown. Nothing is carried over a cut or a gap.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["OneEuro", "smooth"]

_MIN_CUTOFF: Final = 1.0
_BETA: Final = 30.0
_SPEED_CUTOFF: Final = 4.0
"""The paper's parameters, in hertz and hertz for a width a second, chosen at 25 frames a second: noise of
0.003 widths trembles a third as much; a head that moves by a width a second is 0.005 widths behind; lips that
open and close three times a second keep 99 % of their way, of which the paper's 1 Hz for speeds takes 10 %.
"""

_TEMPLES: Final = (234, 454)

Values = NDArray[np.floating[Any]]


class OneEuro:
    """The filter for points (N, D) at a steady rate. Each point has one speed, that of its x and y."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._points: Values | None = None
        self._velocity: Values | float = 0.0

    def __call__(self, points: Values, width: float) -> Values:
        """The points of the next frame, smoothed; `width` is that of the face, in the unit of the points."""
        if self._points is None:
            self._points = points
            return points
        velocity = (points - self._points) / (self._interval * width)
        self._velocity = self._velocity + self._weight(_SPEED_CUTOFF) * (velocity - self._velocity)
        speed = np.linalg.norm(np.asarray(self._velocity)[:, :2], axis=1, keepdims=True)
        self._points = self._points + self._weight(_MIN_CUTOFF + _BETA * speed) * (points - self._points)
        return self._points

    def _weight(self, cutoff: Any) -> Any:
        """How much of the new value is taken, at a cutoff in hertz."""
        return 1 / (1 + 1 / (2 * math.pi * cutoff * self._interval))


def smooth(
    points: NDArray[np.float32], seen: NDArray[np.bool_], scene: NDArray[np.int32], rate: float
) -> None:
    """Smooth the meshes (N, 478, 3) of N frames where they stand, `rate` of them a second.

    Where `seen` (N,) is false or `scene` (N,) changes, the filter begins anew.
    """
    right, left = _TEMPLES
    follow = OneEuro(rate)
    for index in range(len(points)):
        if index and (not seen[index - 1] or scene[index] != scene[index - 1]):
            follow = OneEuro(rate)
        if seen[index]:
            mesh = points[index].astype(np.float64)
            points[index] = follow(mesh, float(np.linalg.norm(mesh[left] - mesh[right])))
