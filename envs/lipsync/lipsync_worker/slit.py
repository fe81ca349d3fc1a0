"""A part of the picture that opens along a line, lips or lids: two layers of the photo that meet there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, Picture, floats
from lipsync_worker.warp import Grid, sampled

__all__ = ["Curves", "Slit", "opening", "smooth"]

Curves = tuple[Floats, Floats]
"""The moved upper and lower edge of an opening, (n, 2) pixels of the picture each, same end points."""

SUBPIXEL = 4  # bits after the point in cv2's drawing


@dataclass(frozen=True)
class Slit:
    """`layers` are the matrices (P, N) from the motion of N landmarks to the fields above and below the line.

    `source` is the photo at twice its size: sampled bilinearly it loses little sharpness.
    """

    grid: Grid
    layers: tuple[Floats, Floats]
    source: Picture

    def merged(self, offsets: Floats, targets: Floats, line: Floats) -> Picture:
        """The grid's rectangle with both layers moved by `offsets` (N, 2) pixels and joined at `line` (n, 2).

        `targets` (rows, columns, 2) says where the grid's points stand in the unmoved head.
        """
        upper, lower = (self._moved(matrix, offsets, targets) for matrix in self.layers)
        below = self._below(line)
        return np.asarray(cv2.blendLinear(lower, upper, below, 1 - below), np.uint8)

    def _moved(self, matrix: Floats, offsets: Floats, targets: Floats) -> Picture:
        grid = self.grid
        field = (matrix @ offsets).reshape(grid.rows, grid.columns, 2)
        maps = grid.upsample(grid.invert(field, targets) - grid.nodes)
        maps += grid.pixels
        maps *= 2
        return sampled(self.source, maps)

    def _below(self, line: Floats) -> Floats:
        """1 below the line, 0 above it, half a pixel soft; the line goes on straight past its ends."""
        grid = self.grid
        mask = np.zeros((grid.height, grid.width), np.uint8)
        along = (line[-1] - line[0]) * 20
        down = floats([-along[1], along[0]])
        outline = np.concatenate([[line[0] - along], line, [line[-1] + along, line[-1] + along + down]])
        outline = np.concatenate([outline, [line[0] - along + down]]) - floats([grid.left, grid.top])
        _fill(mask, outline)
        return cv2.blur(mask, (3, 3)).astype(np.float32) / 255


def opening(curves: Curves, size: tuple[int, int]) -> tuple[tuple[int, int, int, int], Floats]:
    """The box (left, top, width, height) around an opening and its mask (h, w), 0 to 1, soft at the edge.

    `size` (width, height) bounds the box; its width is 0 where the opening lies outside.
    """
    outline = np.concatenate([curves[0], curves[1][::-1]])
    low = np.maximum(np.floor(outline.min(0)).astype(int) - 3, 0)
    high = np.minimum(np.ceil(outline.max(0)).astype(int) + 4, size)
    if (high <= low).any():
        return (0, 0, 0, 0), np.zeros((0, 0), np.float32)
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    _fill(mask, outline - low)
    box = (int(low[0]), int(low[1]), mask.shape[1], mask.shape[0])
    return box, cv2.blur(mask, (3, 3)).astype(np.float32) / 255


def _fill(mask: Picture, outline: Floats) -> None:
    points = np.round(np.clip(outline, -30000, 30000) * (1 << SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, SUBPIXEL)


def smooth(points: Floats) -> Floats:
    """A smooth curve through points (n, 2), four times as many (Catmull & Rom 1974)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = floats([0, 0.25, 0.5, 0.75])[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.reshape(-1, 2), points[-1:]]).astype(np.float32)
