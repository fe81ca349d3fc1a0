"""Smooth displacement fields over a part of the picture, from the motion of a few points.

    motion of control points --(matrix, made once)--> field on a coarse grid --(fixed point)--> where each
    output pixel comes from --(bilinear)--> full resolution map for cv2.remap

The field is a radial basis interpolation with the kernel |r|, which hardly overshoots. It is evaluated on a
grid of a few pixels' pitch, since it is smooth; so a frame costs one small matrix product and a few small
remaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats, Picture, floats, picture

__all__ = ["Grid", "doubled", "interpolation", "sampled", "smoothstep"]

SMOOTHING = 5e-5
STEPS, DAMPING = 12, 0.42  # of the inversion: settles even where a lid is stretched to four times its height


@dataclass(frozen=True)
class Grid:
    """A rectangle of the picture and the coarse grid upon it.

    The rectangle starts at (`left`, `top`) and covers `columns` x `rows` cells of `step` pixels; the grid's
    points are the cells' middles, which is what cv2.resize assumes.
    """

    left: int
    top: int
    columns: int
    rows: int
    step: int

    @classmethod
    def covering(cls, points: Floats, size: tuple[int, int], step: int) -> Grid:
        """The grid over the box around points (N, 2), cut to a picture of `size` (width, height)."""
        left, top = (max(int(low), 0) for low in points.min(0))
        right, bottom = (min(int(high) + 1, side) for high, side in zip(points.max(0), size, strict=True))
        return cls(left, top, max(-(-(right - left) // step), 2), max(-(-(bottom - top) // step), 2), step)

    @property
    def width(self) -> int:
        """Pixels across; may reach past the picture by less than a step."""
        return self.columns * self.step

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.rows * self.step

    @cached_property
    def nodes(self) -> Floats:
        """The grid's points, shape (rows, columns, 2), pixels of the picture."""
        middle = (self.step - 1) / 2
        x = self.left + middle + self.step * np.arange(self.columns, dtype=np.float32)
        y = self.top + middle + self.step * np.arange(self.rows, dtype=np.float32)
        return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)

    @cached_property
    def pixels(self) -> Floats:
        """All pixels, shape (height, width, 2), in pixels of the picture."""
        x = self.left + np.arange(self.width, dtype=np.float32)
        y = self.top + np.arange(self.height, dtype=np.float32)
        return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)

    def invert(self, field: Floats, targets: Floats) -> Floats:
        """Where the pixels at `targets` (rows, columns, 2) come from, when `field` moved the picture.

        Solves source + field(source) = target by damped fixed-point iteration.
        """
        middle = (self.step - 1) / 2
        source = targets
        for _ in range(STEPS):
            place = (source - floats([self.left + middle, self.top + middle])) / floats(self.step)
            shift = sampled(field, place, outside=cv2.BORDER_CONSTANT)
            source = source + DAMPING * (targets - shift - source)
        return source

    def upsample(self, values: Floats) -> NDArray[np.float32]:
        """Values on the grid's points, at every pixel of the rectangle."""
        return floats(cv2.resize(values, (self.width, self.height), interpolation=cv2.INTER_LINEAR))


def sampled(values: Any, places: Floats, *, outside: int = cv2.BORDER_REPLICATE) -> NDArray[Any]:
    """Values (h, w, ...) read bilinearly at places (rows, columns, 2), x before y; `outside` is an OpenCV
    border.
    """
    # OpenCV's stubs know no call without a second map.
    found = cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=outside)  # type: ignore[call-overload]
    return np.asarray(found)


def doubled(photo: Picture) -> Picture:
    """The photo at twice its size, every second pixel as it was."""
    height, width = photo.shape[:2]
    size = (2 * width, 2 * height)
    matrix = floats([[2, 0, 0], [0, 2, 0]])
    large = cv2.warpAffine(
        np.ascontiguousarray(photo), matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return picture(large)


def interpolation(places: Floats, controls: Floats) -> Floats:
    """The matrix (P, N) that turns values at `controls` (N, 2) into values at `places` (P, 2).

    Coordinates in units of the face's width, so that the smoothing means the same for each face.
    """
    count = len(controls)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = _distances(controls, controls) - SMOOTHING * np.eye(count)
    system[count, count] = 0
    kernel = np.concatenate([_distances(places, controls), np.ones((len(places), 1))], axis=1)
    return np.linalg.solve(system, kernel.T).T[:, :count].astype(np.float32)


def smoothstep(values: Floats, low: Floats | float, high: Floats | float) -> NDArray[np.float32]:
    """0 below `low`, 1 above `high`, smooth between; the three broadcast."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _distances(first: Floats, second: Floats) -> NDArray[np.float64]:
    difference = first[:, None, :].astype(np.float64) - second[None, :, :]
    return np.asarray(np.sqrt(np.square(difference).sum(-1)))
