"""A video that is dubbed: its frames are gone through to and fro, as long as there is something to say.

    clip, shots ── cycle ──> number ──> picture ──┐
    track ──────── boxes, held steady ────────────┴──> shot

Frames in which no face was seen pass as they are, and keep their place: what was said goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

import numpy as np

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.clip import Clip
from lipsync_worker.cycle import Cycle
from lipsync_worker.face_box import Box
from lipsync_worker.footage import BoxOf, Footage, Shot
from lipsync_worker.life import even
from shared_schema.errors import FaceError, InputError
from shared_schema.records import Shots
from shared_schema.tracks import Track

__all__ = ["Driven", "steady"]

SPAN = 0.08
"""Seconds, the standard deviation of the window that boxes are averaged over: a box that trembles shows as a
mouth that does.
"""


class Driven(Footage):
    """The frames of a clip. Closes it when it is closed."""

    def __init__(
        self, clip: Clip, shots: Shots, track: Track, rate: Fraction, box_of: BoxOf, *, smooth: bool
    ) -> None:
        """`rate` of the video, frames a second. InputError where the three are not of one clip, FaceError
        where no frame has a face that can be dubbed.
        """
        if len(track) != len(shots.times) or (clip.width, clip.height) != (shots.width, shots.height):
            raise InputError("The face was followed in another video than the one to dub.")
        self.size = (clip.width + clip.width % 2, clip.height + clip.height % 2)
        self._clip = clip
        self._cycle = Cycle(shots, rate)
        self._points = np.asarray(track.points)
        self._scenes = np.asarray(track.scene)
        self._scale = np.float32(shots.scale)
        boxes = [self._box(number, box_of) if seen else None for number, seen in enumerate(track.seen)]
        if not any(boxes):
            raise FaceError("No frame of the video shows a face that can be dubbed.", "Use another video.")
        own = Fraction(shots.fps_numerator, shots.fps_denominator)
        self._boxes = steady(boxes, self._scenes.tolist(), SPAN * float(own)) if smooth else boxes

    def shot(self, number: int) -> Shot:
        """The clip's frame that the video shows then."""
        at = self._cycle.frame(number)
        picture = even(self._clip.picture(at))
        box = self._boxes[at]
        points = None if box is None else self._face(at)
        return Shot(picture, points, box, at, int(self._scenes[at]))

    def close(self) -> None:
        """Close the clip."""
        self._clip.close()

    def _face(self, number: int) -> Floats:
        """The points (478, 3) in pixels of the whole picture: the face was followed in smaller ones."""
        return floats(self._points[number] / self._scale)

    def _box(self, number: int, box_of: BoxOf) -> Box | None:
        try:
            return box_of(self._face(number), self.size)
        except FaceError:  # it leaves the picture: as good as unseen
            return None


def steady(boxes: Sequence[Box | None], scenes: Sequence[int], spread: float) -> list[Box | None]:
    """Boxes averaged with those before and after them, as long as the face is seen and no cut comes between.

    `spread` is the window's standard deviation in frames.
    """
    reach = max(round(3 * spread), 1)
    window = np.exp(-np.square(np.arange(-reach, reach + 1) / max(spread, 1e-3)) / 2)
    window /= window.sum()
    smooth: list[Box | None] = []
    pairs = zip(boxes, scenes, strict=True)
    for _, run in groupby(pairs, lambda pair: (pair[0] is None, pair[1])):
        kept = [box for box, _ in run]
        sides = np.asarray([box for box in kept if box is not None], np.float64)
        if not len(sides):
            smooth += kept
            continue
        padded = np.pad(sides, ((reach, reach), (0, 0)), "edge")
        means = np.stack([np.convolve(side, window, "valid") for side in padded.T], axis=1)
        smooth += [Box(*np.rint(row).astype(int).tolist()) for row in means]
    return smooth
