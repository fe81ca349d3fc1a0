"""One frame of the talking photo from one pose: the photo with its head, mouth and eyes moved."""

from __future__ import annotations

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.life import Life, even
from lipsync_worker.mouth_layer import MouthLayer
from lipsync_worker.pose import Param
from lipsync_worker.sway import STILL
from shared_schema.stages import LipsyncParams

__all__ = ["Compositor"]


class Compositor:
    """Makes the frames of one video, in order."""

    def __init__(self, frame: FaceFrame, photo: Picture, params: LipsyncParams, seed: int) -> None:
        """`photo` (h, w, 3) BGR; where a side is odd, its last row or column is doubled."""
        self.photo = even(photo)
        self.shape = (self.photo.shape[0], self.photo.shape[1])
        """Height and width of the frames, both even."""
        self._life = Life(frame, self.photo, params, seed)
        self._mouth = MouthLayer(frame, self.photo, self._life.source)
        self._canvas = self.photo.copy()

    def frame(self, pose: Floats, number: int) -> Picture:
        """The picture of a row of `Poses` as the `number`th frame. Valid until the next call."""
        stress = float(pose[Param.BROW])
        motion = self._life.head(self._canvas, number, stress)
        if motion is STILL:
            self._restore()
        self._life.eyes(self._canvas, number, motion, stress)
        self._mouth.paint(self._canvas, pose, motion, self._life.undone(self._mouth.grid, motion))
        return self._canvas

    def _restore(self) -> None:
        """Put the photo back where the last frame painted."""
        for grid in (self._mouth.grid, *self._life.eye_grids):
            rows, columns = slice(grid.top, grid.top + grid.height), slice(grid.left, grid.left + grid.width)
            self._canvas[rows, columns] = self.photo[rows, columns]
