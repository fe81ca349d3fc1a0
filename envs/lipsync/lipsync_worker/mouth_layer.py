"""Paints the moved mouth of one photo: lips, jaw and chin, and what is between the lips."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, Picture, floats
from lipsync_worker.contours import refine
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.lips import Lips
from lipsync_worker.mouth import MouthInterior
from lipsync_worker.regions import mouth_slit
from lipsync_worker.slit import Curves, opening, smooth
from lipsync_worker.warp import Grid

__all__ = ["MouthLayer"]

PARTED = 0.02  # face units: lips further apart show no line in the photo where they would meet
LINE_GAP = 0.022  # face units: lips nearer than this begin to shade each other
LINE_TINT = (0.52, 0.50, 0.60)  # BGR: what the shade between two lips leaves of their colour
INNER_RINGS = (slice(33, 44), slice(77, 88))  # rows of a motion: inner edge of the upper and the lower lip


class MouthLayer:
    """The mouth of one photo."""

    def __init__(self, frame: FaceFrame, photo: Picture, source: Picture) -> None:
        """`photo` (h, w, 3) BGR; `source` the same at twice the size, from which pixels are taken."""
        height, width = photo.shape[:2]
        still = photo.astype(np.float32)
        self._frame = refine(frame, still)
        self._lips = Lips(self._frame)
        self._slit = mouth_slit(self._frame, self._lips, source)
        self._inside = MouthInterior(self._frame, self._lips, still)
        self._parted = bool(self._lips.rest_gap[5] > PARTED)
        self._right = min(self.grid.left + self.grid.width, width)
        self._bottom = min(self.grid.top + self.grid.height, height)

    @property
    def grid(self) -> Grid:
        """The rectangle that the mouth paints."""
        return self._slit.grid

    def paint(self, canvas: Picture, pose: Floats, sway: Floats, targets: Floats) -> None:
        """Put the mouth of a pose onto `canvas`, on which the head already is where `sway` (2, 3) brought it.

        `targets` (rows, columns, 2): where the grid's points stand in the photo.
        """
        offsets = self._frame.offsets(self._lips.motion(pose))
        curves = self._curves(offsets, sway)
        merged = self._slit.merged(offsets, targets, (curves[0] + curves[1]) / 2)
        grid = self.grid
        part = merged[: self._bottom - grid.top, : self._right - grid.left]
        self._open(part, curves, pose, sway)
        if self._parted:
            self._draw_line(part, curves)
        canvas[grid.top : self._bottom, grid.left : self._right] = part

    def _curves(self, offsets: Floats, sway: Floats) -> Curves:
        """The moved inner edges of the lips."""
        moved = []
        for rows in INNER_RINGS:
            places = self._frame.points[self._lips.indices[rows], :2] + offsets[rows]
            moved.append(smooth((places @ sway[:, :2].T + sway[:, 2]).astype(np.float32)))
        return moved[0], moved[1]

    def _open(self, part: Picture, curves: Curves, pose: Floats, sway: Floats) -> None:
        start = floats([self.grid.left, self.grid.top])
        box, mask = opening((curves[0] - start, curves[1] - start), (part.shape[1], part.shape[0]))
        left, top, width, height = box
        if not width:
            return
        place = (left + self.grid.left, top + self.grid.top, width, height)
        inside = self._inside.paint(pose, place, sway, mask)
        lips = part[top : top + height, left : left + width]
        mixed = lips + (inside - lips) * mask[..., None]
        lips[:] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)

    def _draw_line(self, part: Picture, curves: Curves) -> None:
        """The soft dark line between lips that meet, which a photo of parted lips does not have."""
        unit = self._frame.unit
        gap = np.linalg.norm(curves[1] - curves[0], axis=1)[8:-8].max() / unit
        strength = 1 - float(gap) / LINE_GAP
        if strength <= 0:
            return
        middle = (curves[0] + curves[1]) / 2 - floats([self.grid.left, self.grid.top])
        edge = int(0.03 * unit) + 3
        low = np.maximum(np.floor(middle.min(0)).astype(int) - edge, 0)
        high = np.minimum(np.ceil(middle.max(0)).astype(int) + edge, part.shape[1::-1])
        if (high <= low).any():
            return
        line = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        points = np.round((middle - low) * 16).astype(np.int32)
        thick = max(round(0.007 * unit), 1)
        cv2.polylines(
            line, [points], isClosed=False, color=255, thickness=thick, lineType=cv2.LINE_AA, shift=4
        )
        soft = cv2.GaussianBlur(line, (0, 0), max(0.0045 * unit, 0.55)).astype(np.float32)
        soft /= max(float(soft.max()), 1)
        lips = part[low[1] : high[1], low[0] : high[0]]
        shade = 1 - (strength * soft)[..., None] * (1 - floats(LINE_TINT))
        lips[:] = (lips * shade + 0.5).astype(np.uint8)
