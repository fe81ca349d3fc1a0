"""The head's slow motion while it speaks: never still, never leaving its place. The background stays.

Sines of periods that share no common multiple, their phases drawn from the seed; with each stressed word a
slight nod. The motion is rigid within the face and fades out over hair and neck, so nothing tears.
"""

from __future__ import annotations

import math
import random

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, Picture, floats
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.warp import Grid, sampled, smoothstep

__all__ = ["STILL", "HeadMotion", "Sway"]

STILL = floats([[1, 0, 0], [0, 1, 0]])

SHIFT = 0.011  # greatest shift, face units
TURN = 0.011  # greatest turn in the picture's plane, radians
NOD = 0.008  # down on a stressed word, face units
PERIODS = ((7.3, 3.1), (8.9, 3.7), (6.1, 4.3))  # seconds, slow and quick part: sideways, down, turn
PIVOT = (0.0, 0.55, 0.0)  # below the chin: a head turns on its neck
CENTRE, RADII = (0.0, -0.36), (0.60, 0.82)  # the ellipse that moves as one, face units
FADE = 0.95  # it fades out over this share of the ellipse more


class HeadMotion:
    """Where the head is at a time: an affine matrix (2, 3) on pixels of the picture."""

    def __init__(self, frame: FaceFrame, seed: int) -> None:
        self._frame = frame
        dice = random.Random(seed)  # noqa: S311 - chance for looks, repeatable by seed
        self._phases = [[dice.uniform(0, 2 * math.pi) for _ in pair] for pair in PERIODS]
        self._pivot = frame.pixels(floats([PIVOT]))[0]

    def at(self, seconds: float, stress: float) -> Floats:
        """The head's place; `stress` 0 to 1 is how much the word now spoken stands out."""
        x, y, turn = (
            0.7 * math.sin(2 * math.pi * seconds / slow + a)
            + 0.3 * math.sin(2 * math.pi * seconds / quick + b)
            for (slow, quick), (a, b) in zip(PERIODS, self._phases, strict=True)
        )
        angle = TURN * turn
        matrix = floats([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        shift = self._frame.offsets(floats([[SHIFT * x, SHIFT * 0.6 * y + NOD * stress, 0]]))[0]
        return np.concatenate([matrix, (self._pivot - matrix @ self._pivot + shift)[:, None]], axis=1)


class Sway:
    """Moves the head of one photo."""

    def __init__(self, frame: FaceFrame, source: Picture) -> None:
        """`source` is the photo at twice its size."""
        self._frame, self._source = frame, source
        height, width = source.shape[0] // 2, source.shape[1] // 2
        self._size = (width, height)
        reach = 1 + FADE
        corners = [
            [CENTRE[0] + dx * reach * RADII[0], CENTRE[1] + dy * reach * RADII[1], 0]
            for dx in (-1, 1)
            for dy in (-1, 1)
        ]
        self.grid = Grid.covering(
            frame.pixels(floats(corners)), (width, height), max(round(frame.unit / 24), 2)
        )
        self._weight = self.weight(self.grid.nodes)[..., None]
        self._right = min(self.grid.left + self.grid.width, width)
        self._bottom = min(self.grid.top + self.grid.height, height)

    def weight(self, places: Floats) -> Floats:
        """How far pixels (..., 2) go with the head: 1 in the face, 0 in the background and at the border."""
        flat = (self._frame.flat(places) - floats(CENTRE)) / floats(RADII)
        radius = np.sqrt(np.square(flat).sum(-1))
        margin = np.minimum(places, floats(self._size) - 1 - places).min(-1)
        border = smoothstep(margin, 0.0, 0.12 * self._frame.unit)
        return (1 - smoothstep(radius, 1.0, 1 + FADE)) * border

    def undone(self, motion: Floats, places: Floats, weight: Floats) -> Floats:
        """Where `places` (..., 2) of the moved picture stand in the photo, for their `weight` (..., 1)."""
        back = cv2.invertAffineTransform(motion)
        return (places + weight * (places @ back[:, :2].T + back[:, 2] - places)).astype(np.float32)

    def paint(self, canvas: Picture, motion: Floats) -> None:
        """Put the photo with its head moved onto `canvas`."""
        grid = self.grid
        shift = self.undone(motion, grid.nodes, self._weight) - grid.nodes
        maps = (grid.upsample(shift) + grid.pixels) * 2
        moved = sampled(self._source, maps)
        part = moved[: self._bottom - grid.top, : self._right - grid.left]
        canvas[grid.top : self._bottom, grid.left : self._right] = part
