"""One frame of the video from one pose: the photo with its head, mouth and eyes moved."""

from __future__ import annotations

from fractions import Fraction

import cv2

from lipsync_worker.arrays import Floats, Picture, floats, picture
from lipsync_worker.blink import Blinks
from lipsync_worker.eyes import Eye
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.mouth_layer import MouthLayer
from lipsync_worker.pose import Param
from lipsync_worker.sway import STILL, HeadMotion, Sway
from shared_schema.stages import LipsyncParams

__all__ = ["Compositor", "doubled"]


class Compositor:
    """Makes the frames of one video, in order."""

    def __init__(self, frame: FaceFrame, photo: Picture, params: LipsyncParams, seed: int) -> None:
        """`photo` (h, w, 3) BGR; where a side is odd, its last row or column is doubled."""
        height, width = photo.shape[:2]
        self.photo = picture(cv2.copyMakeBorder(photo, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE))
        self.shape = (self.photo.shape[0], self.photo.shape[1])
        """Height and width of the frames, both even."""
        self._rate = Fraction(params.fps_numerator, params.fps_denominator)
        source = doubled(self.photo)
        self._mouth = MouthLayer(frame, self.photo, source)
        self._eyes = [Eye(frame, source, which) for which in (0, 1)]
        self._sway = Sway(frame, source)
        self._motion = HeadMotion(frame, seed) if params.sway else None
        self._blinks = Blinks(seed, float(1 / self._rate)) if params.blink else None
        self._parts: list[Eye | MouthLayer] = [self._mouth, *self._eyes]
        self._weights = {id(part): self._sway.weight(part.grid.nodes)[..., None] for part in self._parts}
        self._canvas = self.photo.copy()

    def frame(self, pose: Floats, number: int) -> Picture:
        """The picture of a row of `Poses` as the `number`th frame. Valid until the next call."""
        seconds = (number + 0.5) / float(self._rate)
        motion = STILL
        if self._motion:
            motion = self._motion.at(seconds, float(pose[Param.BROW]))
            self._sway.paint(self._canvas, motion)
        else:
            self._restore()
        closure = self._blinks.closure(seconds) if self._blinks else 0.0
        for eye in self._eyes:
            eye.paint(self._canvas, closure, float(pose[Param.BROW]), motion, self._targets(eye, motion))
        self._mouth.paint(self._canvas, pose, motion, self._targets(self._mouth, motion))
        return self._canvas

    def _targets(self, part: Eye | MouthLayer, motion: Floats) -> Floats:
        nodes = part.grid.nodes
        return nodes if motion is STILL else self._sway.undone(motion, nodes, self._weights[id(part)])

    def _restore(self) -> None:
        """Put the photo back where the last frame painted."""
        for part in self._parts:
            grid = part.grid
            rows, columns = slice(grid.top, grid.top + grid.height), slice(grid.left, grid.left + grid.width)
            self._canvas[rows, columns] = self.photo[rows, columns]


def doubled(photo: Picture) -> Picture:
    """The photo at twice its size, every second pixel as it was."""
    height, width = photo.shape[:2]
    size = (2 * width, 2 * height)
    matrix = floats([[2, 0, 0], [0, 2, 0]])
    large = cv2.warpAffine(photo, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return picture(large)
