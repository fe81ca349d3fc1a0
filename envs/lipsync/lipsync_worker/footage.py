"""What is dubbed, frame by frame: a still photo that comes to life, or a video gone through to and fro."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from lipsync_worker.arrays import Floats, Picture, floats
from lipsync_worker.face_box import Box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.life import Life, even
from lipsync_worker.sway import STILL
from shared_schema.stages import LipsyncParams

__all__ = ["BoxOf", "Footage", "Paste", "Shot", "Still"]

BoxOf = Callable[[Floats, tuple[int, int]], Box]
"""Where a network wants to look, from points (478, 3) and the picture's (width, height)."""

Paste = Callable[[Picture], Box]
"""Puts a mouth into a picture, in place, and says which part of it that has changed."""


class Shot(NamedTuple):
    """A frame before it is dubbed: its picture (h, w, 3), BGR; the face's points (478, 3) and box.

    Both are None where there is no face. Shots of one `key` show the same; `scene` counts cuts.
    """

    picture: Picture
    points: Floats | None
    box: Box | None
    key: int
    scene: int


class Footage(ABC):
    """The frames to be dubbed. `size` is (width, height), both even."""

    size: tuple[int, int]

    @abstractmethod
    def shot(self, number: int) -> Shot:
        """The frame with this number. Asked in order."""

    def dubbed(self, _number: int, shot: Shot, paste: Paste | None) -> Picture:
        """The frame as it goes into the video. Called in order, in one thread; valid until the next call.

        `paste` is None where the shot has no face.
        """
        if paste is not None:
            paste(shot.picture)
        return shot.picture

    def close(self) -> None:  # noqa: B027 - a photo holds nothing open
        """Let go of files."""


class Still(Footage):
    """A photo: each shot is the same; what moves besides the mouth comes in when it is dubbed."""

    def __init__(
        self, photo: Picture, frame: FaceFrame, params: LipsyncParams, seed: int, box_of: BoxOf
    ) -> None:
        """FaceError where the face leaves too little for a network to look at."""
        picture = even(photo)
        self.size = (picture.shape[1], picture.shape[0])
        points = floats(frame.points)
        self._shot = Shot(picture, points, box_of(points, self.size), 0, 0)
        self._life = Life(frame, picture, params, seed)
        self._talking = picture.copy()
        self._changed = Box(0, 0, 0, 0)
        self._canvas = picture.copy()

    def shot(self, _number: int) -> Shot:
        """The photo."""
        return self._shot

    def dubbed(self, number: int, shot: Shot, paste: Paste | None) -> Picture:
        """The photo with its new mouth, its head moved, its eyes blinking."""
        self._changed.of(self._talking)[:] = self._changed.of(shot.picture)
        if paste is not None:
            self._changed = paste(self._talking)
        self._life.repaint(self._talking, self._changed)
        motion = self._life.head(self._canvas, number)
        if motion is STILL:
            self._canvas[:] = self._talking
        self._life.eyes(self._canvas, number, motion)
        return self._canvas
