"""Follows one face through a video, frame by frame.

    scene begins ──find, choose──> seen ──a window around where it should be──> seen ...
                                    │                                            │
                                    └── lost <──nothing there, or not that person┘
                                          └──the whole frame, until the person is there again──> seen

Each frame's mesh is measured for itself, in a window: there MediaPipe's small detector looks first, a third
of the cost. Its video mode, which goes on from the last mesh instead, was measured in the same windows,
scaled to 512 pixels, on a portrait that moves, turns and grows: its points were half as far off again (0.008
instead of 0.0055 widths), trembled twice as much at rest, and were up to 0.08 widths behind a fast face.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_schema.engine import Context
from shared_schema.frames import Frames
from shared_schema.mesh import POINT_COUNT
from shared_schema.stages import TrackParams
from shared_schema.tracks import Track
from vision_worker.choice import choose, subjects
from vision_worker.face import Box, Face
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels
from vision_worker.pose import pose_of
from vision_worker.resemblance import MIN_RESEMBLANCE, Look, look_of, resemblance
from vision_worker.scenes import scene_numbers
from vision_worker.smoothing import smooth

__all__ = ["Follower", "track_face"]

_CHECK_EVERY: Final = 25
"""Frames between two looks at the whole frame: is it still a face, and is there another one?"""

_TILES_EVERY: Final = 10
"""Frames between two searches for a small face, as long as none is there."""

_STRIDE: Final = 0.75
"""How far a face may be, in its widths, from where it should be by its last motion."""

_GROWTH: Final = 1.4
"""How much wider or narrower it may be than in the frame before."""

_RENEWAL: Final = 0.1
"""Share of each frame in the picture that is kept of the person: it follows a head that turns."""


class _Sight(NamedTuple):
    """A face of a frame: how it looks, and how much like the person, from -1 to 1."""

    face: Face
    look: Look
    alike: float


class Follower:
    """One person's face, frame by frame. `number` is as in `TrackParams.face`."""

    def __init__(self, finder: FaceFinder, number: int | None) -> None:
        self._finder = finder
        self._number = number
        self._chosen_before = False
        self.begin_scene()

    def begin_scene(self) -> None:
        """Forget where the face was: the next frame is of another scene."""
        self._face: Face | None = None
        self._motion = np.zeros(2)
        self._looks: list[Look] = []  # the first, and the latest
        self._crowd = False  # whether there is anybody else
        self._missing = 0
        self._unchecked = 0

    def step(self, pixels: Pixels) -> Face | None:
        """The face in the next frame (H, W, 3), None where it is not seen.

        FaceError where nobody can be chosen in the first scene, as by `choice.choose`.
        """
        if not self._looks:
            face = self._choose(pixels)
        else:
            sight = self._continued(pixels) or self._found_again(pixels)
            face = sight.face if sight else None
            if sight and sight.alike >= MIN_RESEMBLANCE:
                self._looks[1] = _blend(self._looks[1], sight.look)
        if face is None:
            self._missing += 1
            return None
        moved = self._face is not None and not self._missing
        self._motion = np.subtract(face.centre, self._face.centre) if moved and self._face else np.zeros(2)
        self._face, self._missing = face, 0
        return face

    def _choose(self, pixels: Pixels) -> Face | None:
        """In later scenes the largest, where there is no number or no face of this number."""
        found = self._finder.find(pixels, thorough=self._missing % _TILES_EVERY == 0)
        meant = subjects(found)
        if not meant:
            return None
        if not self._chosen_before:
            face = choose(found, self._number)
        elif self._number is not None and self._number <= len(meant):
            face = meant[self._number - 1]
        else:
            face = max(meant, key=lambda each: each.width)
        self._chosen_before = True
        self._crowd = len(found) > 1
        self._looks = [look_of(pixels, face)] * 2
        return self._again(pixels, face)

    def _continued(self, pixels: Pixels) -> _Sight | None:
        """The face where the last one should have gone to, if it is that person's."""
        if self._face is None or self._missing:
            return None
        place = _shifted(self._face.box, self._motion)
        found = self._finder.near(pixels, place)
        self._crowd = self._crowd or len(found) > 1
        self._unchecked += 1
        best = self._most_alike(pixels, [face for face in found if _continues(face, self._face, place)])
        if best is None:
            return None
        alike = best.alike >= MIN_RESEMBLANCE
        if alike and self._unchecked < _CHECK_EVERY:
            return best
        self._unchecked = 0
        self._crowd = self._crowd or len(self._finder.find(pixels, thorough=False)) > 1
        # Alone, and where it should be: a hand before the mouth, or a look that has changed.
        known = alike or not self._crowd
        return best if known and self._finder.measure(pixels, best.face.box) else None

    def _found_again(self, pixels: Pixels) -> _Sight | None:
        """The person, wherever in the frame; after a loss only one who looks the same."""
        found = self._finder.find(pixels, thorough=self._missing % _TILES_EVERY == 0)
        self._crowd = self._crowd or len(found) > 1
        best = self._most_alike(pixels, found)
        if best is None or best.alike < MIN_RESEMBLANCE:
            return None
        return best._replace(face=self._again(pixels, best.face))

    def _most_alike(self, pixels: Pixels, faces: Iterable[Face]) -> _Sight | None:
        sights = []
        for face in faces:
            look = look_of(pixels, face)
            sights.append(_Sight(face, look, max(resemblance(look, known) for known in self._looks)))
        return max(sights, key=lambda sight: sight.alike, default=None)

    def _again(self, pixels: Pixels, face: Face) -> Face:
        """The face measured as in the frames to come: the mean of several windows would be a small jump."""
        near = self._finder.near(pixels, face.box)
        return min(near, key=lambda each: _apart(each.centre, face.centre), default=face)


def track_face(finder: FaceFinder, frames: Frames, params: TrackParams, context: Context) -> Track:
    """The track of one face through the frames, with progress for each.

    FaceError where in the first frame with a face nobody, or not one only, can be chosen.
    """
    total = len(frames)
    scene = scene_numbers(frames, lambda done: context.progress("finding the cuts", done, total))
    points = np.full((total, POINT_COUNT, 3), np.nan, np.float32)
    seen = np.zeros(total, np.bool_)
    follower = Follower(finder, params.face)
    context.progress("following the face", 0, total)
    for index, frame in enumerate(frames):
        if index and scene[index] != scene[index - 1]:
            follower.begin_scene()
        face = follower.step(np.asarray(frame, np.uint8))
        if face is not None:
            points[index], seen[index] = face.points, True
        context.progress("following the face", index + 1, total)
    if params.smooth:
        smooth(points, seen, scene, params.fps_numerator / params.fps_denominator)
    return _track(points, seen, scene)


def _track(points: NDArray[np.float32], seen: NDArray[np.bool_], scene: NDArray[np.int32]) -> Track:
    poses = np.full((3, len(points)), np.nan, np.float32)
    for index in np.flatnonzero(seen):
        poses[:, index] = pose_of(points[index].astype(np.float64))
    yaw, pitch, roll = poses
    return Track(
        memoryview(points), memoryview(seen), memoryview(scene),
        yaw=memoryview(yaw), pitch=memoryview(pitch), roll=memoryview(roll),
    )  # fmt: skip


def _continues(face: Face, last: Face, place: Box) -> bool:
    """Whether a face can be the last one, a frame later, at this place."""
    middle = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
    near = _apart(face.centre, middle) < _STRIDE * last.width
    return near and 1 / _GROWTH < face.width / last.width < _GROWTH


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


def _shifted(box: Box, motion: NDArray[np.float64]) -> Box:
    x, y = (float(way) for way in motion)
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _blend(kept: Look, new: Look) -> Look:
    mixed = (1 - _RENEWAL) * kept + _RENEWAL * new
    return np.asarray(mixed / max(1e-6, float(np.linalg.norm(mixed))), np.float32)
