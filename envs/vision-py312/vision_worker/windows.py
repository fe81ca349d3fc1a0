"""Square windows onto a picture: how a small face in a large picture comes to fill a detector's input.

A window is (left, top, side) in pixels and may reach beyond the picture, where it is grey.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final, NamedTuple

import cv2
import numpy as np

from vision_worker.images import Pixels

__all__ = ["Window", "around", "look", "tiles", "whole"]

_GREY: Final = (128, 128, 128)
_OVERLAP: Final = 0.25
"""Neighbouring tiles share this much, so that a face of up to a quarter of a tile is whole in one."""


class Window(NamedTuple):
    """A square of a picture, in pixels."""

    left: int
    top: int
    side: int


def whole(width: int, height: int, margin: float) -> Window:
    """The whole picture, its longer side framed by `margin` of itself on both ends."""
    longest = max(width, height)
    side = round(longest * (1 + 2 * margin))
    return Window((width - side) // 2, (height - side) // 2, side)


def around(x: float, y: float, side: float) -> Window:
    """The window of this side whose middle is at (x, y)."""
    return Window(round(x - side / 2), round(y - side / 2), max(1, round(side)))


def tiles(width: int, height: int, side: int) -> Iterator[Window]:
    """Overlapping windows that cover the picture, row by row."""
    for top, left in itertools.product(_starts(height, side), _starts(width, side)):
        yield Window(left, top, side)


def look(pixels: Pixels, window: Window, size: int) -> Pixels:
    """What the window shows, scaled to shape (size, size, 3)."""
    height, width = pixels.shape[:2]
    left, top, side = window
    shown = pixels[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    above, before = min(side, max(0, -top)), min(side, max(0, -left))
    below, behind = max(0, top + side - height), max(0, left + side - width)
    if above or before or below or behind:
        shown = np.asarray(
            cv2.copyMakeBorder(shown, above, below, before, behind, cv2.BORDER_CONSTANT, value=_GREY),
            np.uint8,
        )
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(shown, (size, size), interpolation=how), np.uint8)


def _starts(length: int, side: int) -> list[int]:
    """Where windows of `side` begin along an edge: as few as overlap enough, the last flush with the end."""
    if length <= side:
        return [(length - side) // 2]
    count = 1 + -(-(length - side) // round(side * (1 - _OVERLAP)))
    return [round(index * (length - side) / (count - 1)) for index in range(count)]
