"""The part of the picture that a mouth moves, as two layers that meet between the lips.

Both layers move alike everywhere but at the lips: where the corners end, there is no seam to see.
"""

from __future__ import annotations

import numpy as np

from lipsync_worker.arrays import Floats, Picture, floats
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.landmarks import BESIDE, CHIN, FIXED, JAW_LINE
from lipsync_worker.lips import Lips
from lipsync_worker.slit import Slit
from lipsync_worker.warp import Grid, interpolation, smoothstep

__all__ = ["mouth_slit"]

LEFT, TOP, RIGHT = -0.56, -0.30, 0.56  # the region in face units from the middle of the mouth
BELOW_CHIN = 0.34
LIP = 44  # landmarks of one lip: four rings of eleven
FAR = 0.10  # how far past a lip's inner edge its own motion goes on, so that the field is calm at the edge


def mouth_slit(frame: FaceFrame, lips: Lips, source: Picture) -> Slit:
    """The mouth of a face; `source` is its photo at twice the size."""
    bottom = float(frame.local[152, 1]) + BELOW_CHIN
    corners = floats([[x, y, 0] for x in (LEFT, RIGHT) for y in (TOP, bottom)])
    size = (source.shape[1] // 2, source.shape[0] // 2)
    grid = Grid.covering(frame.pixels(corners), size, max(round(frame.unit / 60), 1))
    places = frame.flat(grid.nodes).reshape(-1, 2)
    window = _window(places, bottom)[:, None]
    controls = _Controls(frame, lips, bottom)
    upper, lower = (controls.matrix(places, which) * window for which in (0, 1))
    return Slit(grid, (upper, lower), source)


class _Controls:
    """Places of the control points of each layer, and how each takes its motion from the landmarks."""

    def __init__(self, frame: FaceFrame, lips: Lips, bottom: float) -> None:
        self.places = frame.flat(frame.points[lips.indices, :2])
        self.count = len(lips.indices)
        self.border = _border(bottom)
        self.beside = frame.flat(frame.points[list(BESIDE), :2])
        self.skin = np.arange(2 * LIP, 2 * LIP + len(JAW_LINE) + len(CHIN))
        self.fixed = np.arange(self.count - len(FIXED), self.count)
        self.beside_motion = self._shared_motion()

    def _shared_motion(self) -> Floats:
        """The matrix (B, N) of the skin beside the mouth, which listens to both lips."""
        middle = [i for i in range(LIP) if i % 11 not in (0, 10)]
        rows = np.concatenate([np.arange(LIP), LIP + np.array(middle), self.skin, self.fixed])
        controls = np.concatenate([self.places[rows], self.border])
        shared = interpolation(self.beside, controls)[:, : len(rows)]
        return floats(shared @ np.eye(self.count, dtype=np.float32)[rows])

    def matrix(self, places: Floats, layer: int) -> Floats:
        """The matrix (P, N) of a layer: 0 upper, 1 lower."""
        identity = np.eye(self.count, dtype=np.float32)
        own = np.arange(LIP) + layer * LIP
        inner = own[33 + 2 : 33 + 9]
        away = floats([0, -FAR if layer else FAR])
        skin = self.skin
        if layer == 0:  # the middle of the chin lies across the mouth from this layer
            skin = skin[np.abs(self.places[skin, 0]) > 0.2]
        fixed = self.fixed[np.abs(self.places[self.fixed, 0]) > 0.15] if layer else self.fixed
        controls = [self.places[own], self.places[inner] + away / 2, self.places[inner] + away]
        motions = [identity[own], identity[inner], identity[inner]]
        for rows in (skin, fixed):
            controls.append(self.places[rows])
            motions.append(identity[rows])
        controls += [self.beside, self.border]
        motions += [self.beside_motion, np.zeros((len(self.border), self.count), np.float32)]
        return floats(interpolation(places, np.concatenate(controls)) @ np.concatenate(motions))


def _border(bottom: float) -> Floats:
    """Points around the region, where nothing moves any more."""
    sides = [[x, y] for x in (LEFT + 0.04, RIGHT - 0.04) for y in np.linspace(TOP, bottom, 7)]
    ends = [[x, y] for y in (TOP, bottom - 0.04) for x in np.linspace(LEFT + 0.15, RIGHT - 0.15, 7)]
    return floats(sides + ends)


def _window(places: Floats, bottom: float) -> Floats:
    """1 inside, 0 at the region's edge, smooth between: without it a line shows at the edge."""
    x, y = np.abs(places[:, 0]), places[:, 1]
    beside = 1 - smoothstep(x, RIGHT - 0.16, RIGHT - 0.02)
    above = smoothstep(y, TOP + 0.02, TOP + 0.14)
    below = 1 - smoothstep(y, bottom - 0.18, bottom - 0.02)
    return np.asarray(beside * above * below, np.float32)
