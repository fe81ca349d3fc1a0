"""What moves in a photo besides its mouth: the head sways a little, the eyes blink.

    photo ── a mouth painted on it, or not ── moved by the head ── lids ──> canvas

The talking photo paints its mouth onto the moved canvas; a neural engine replaces it in the photo, before
that moves.
"""

from __future__ import annotations

from fractions import Fraction

import cv2

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.blink import Blinks
from lipsync_worker.eyes import Eye
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.sway import STILL, HeadMotion, Sway
from lipsync_worker.warp import Grid, doubled
from shared_schema.stages import LipsyncParams

__all__ = ["Life", "Rectangle", "even"]

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom of a part of a picture, pixels."""

SUPPORT = 4  # pixels around a change that doubling the photo spreads it over, and those that it looks at


class Life:
    """The moving parts of one photo. Makes the frames of one video, in order."""

    def __init__(self, frame: FaceFrame, photo: Picture, params: LipsyncParams, seed: int) -> None:
        """`photo` (h, w, 3) BGR, both sides even: see `even`."""
        self.photo = photo
        self.source = doubled(photo)
        """The photo at twice its size, from which moved pixels are taken."""
        self._rate = Fraction(params.fps_numerator, params.fps_denominator)
        self._eyes = [Eye(frame, self.source, which) for which in (0, 1)]
        self._sway = Sway(frame, self.source)
        self._head = HeadMotion(frame, seed) if params.sway else None
        self._blinks = Blinks(seed, float(1 / self._rate)) if params.blink else None
        self._weights: dict[int, Floats] = {}
        self._changed: Rectangle | None = None

    def repaint(self, photo: Picture, part: Rectangle) -> None:
        """Have the head be as in `photo` within a part of it; elsewhere as in our own, and as last there."""
        for place in filter(None, (self._changed, part)):
            self._redouble(photo, place)
        self._changed = part

    def _redouble(self, photo: Picture, part: Rectangle) -> None:
        height, width = photo.shape[:2]
        left, top = (max(side - SUPPORT, 0) for side in part[:2])
        right, bottom = min(part[2] + SUPPORT, width), min(part[3] + SUPPORT, height)
        large = doubled(photo[top:bottom, left:right])
        # At the cut-out's own border doubling saw less than the photo has.
        inner = [SUPPORT // 2 if cut else 0 for cut in (left > 0, top > 0, right < width, bottom < height)]
        rows = slice(2 * inner[1], large.shape[0] - 2 * inner[3])
        columns = slice(2 * inner[0], large.shape[1] - 2 * inner[2])
        self.source[2 * top : 2 * bottom, 2 * left : 2 * right][rows, columns] = large[rows, columns]

    def head(self, canvas: Picture, number: int, stress: float = 0.0) -> Floats:
        """Put the photo with its head moved onto `canvas`; the motion (2, 3).

        `stress` 0 to 1 is how much the word now spoken stands out. Without sway the canvas stays as it is.
        """
        if self._head is None:
            return STILL
        motion = self._head.at(self._seconds(number), stress)
        self._sway.paint(canvas, motion)
        return motion

    def eyes(self, canvas: Picture, number: int, motion: Floats, stress: float = 0.0) -> None:
        """Put lids and brows onto `canvas`, on which the head already is where `motion` brought it."""
        closure = self._blinks.closure(self._seconds(number)) if self._blinks else 0.0
        for eye in self._eyes:
            eye.paint(canvas, closure, stress, motion, self.undone(eye.grid, motion))

    @property
    def eye_grids(self) -> list[Grid]:
        """The rectangles that the eyes paint."""
        return [eye.grid for eye in self._eyes]

    def undone(self, grid: Grid, motion: Floats) -> Floats:
        """Where the points of a grid (rows, columns, 2) stand in the photo, when `motion` moved the head."""
        if motion is STILL:
            return grid.nodes
        if id(grid) not in self._weights:
            self._weights[id(grid)] = self._sway.weight(grid.nodes)[..., None]
        return self._sway.undone(motion, grid.nodes, self._weights[id(grid)])

    def _seconds(self, number: int) -> float:
        return (number + 0.5) / float(self._rate)


def even(photo: Picture) -> Picture:
    """The photo with even sides, as video needs them: an odd side's last row or column is doubled."""
    height, width = photo.shape[:2]
    return picture(cv2.copyMakeBorder(photo, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE))
