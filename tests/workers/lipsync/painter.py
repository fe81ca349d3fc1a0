"""A network in NumPy, and a film for it: what `dubbing` is tested with where no real network is needed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.dubbing import Finish, Session
from lipsync_worker.face_box import musetalk_box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.footage import Footage, Shot
from shared_schema.engine import Context
from shared_schema.messages import Task
from shared_schema.stages import Dubbing, LipsyncParams, Mask, Stage

__all__ = ["PATIENCE", "Film", "Made", "Painter", "Tape", "context", "levels", "session", "threads"]

PATIENCE = 10.0
RAW = Finish.of(Dubbing(mask=Mask.LANDMARKS, match=False))


@dataclass
class Made:
    """Faces that are there."""

    faces: NDArray[np.uint8]

    def pictures(self) -> NDArray[np.uint8]:
        return self.faces


@dataclass
class Painter:
    """A network in NumPy: paints a whole face in the level that it hears, plus what it knows of the face."""

    batch: int = 4
    side: int = 32
    looked: list[Picture] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def refer(self, crop: Picture) -> int:
        self.looked.append(crop)
        return len(self.looked) - 1

    def render(self, references: Sequence[int], contexts: Floats) -> list[Made]:
        self.batches.append(len(contexts))
        levels = contexts[:, 0] + np.asarray(references)
        faces = np.broadcast_to(levels[:, None, None, None], (len(levels), self.side, self.side, 3))
        # Networks that run short of memory give a batch in parts.
        return [Made(faces[:1].astype(np.uint8)), Made(faces[1:].astype(np.uint8))]


class Once:
    """What is known of shots, by their keys."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}

    def of(self, key: int, look: Any) -> Any:
        if key not in self._known:
            self._known[key] = look()
        return self._known[key]


class Film(Footage):
    """Frames of the photo, each with its number in a corner; of some the face is not seen."""

    def __init__(self, photo: Picture, frame: FaceFrame, faceless: Iterable[int] = (), keys: int = 1) -> None:
        self.size = (photo.shape[1], photo.shape[0])
        self._photo, self._points, self._faceless, self._keys = photo, frame.points, set(faceless), keys
        self.box = musetalk_box(frame.points, self.size, "v1.5")
        self.asked: list[int] = []

    def shot(self, number: int) -> Shot:
        self.asked.append(number)
        picture = self._photo.copy()
        picture[0, 0] = number
        if number in self._faceless:
            return Shot(picture, None, None, number % self._keys, 0)
        return Shot(picture, self._points, self.box, number % self._keys, 0)


@dataclass
class Tape:
    """What was written."""

    pictures: list[Picture] = field(default_factory=list)

    def write(self, picture: Picture) -> None:
        self.pictures.append(picture.copy())

    @property
    def numbers(self) -> list[int]:
        return [int(picture[0, 0, 0]) for picture in self.pictures]

    def mouths(self, frame: FaceFrame) -> list[int]:
        """The level in the middle of each mouth."""
        x, y = frame.points[13, :2].astype(int)
        return [int(picture[y, x, 0]) for picture in self.pictures]


def session(film: Footage, dubber: Painter, finish: Finish = RAW) -> Session:
    return Session(film, dubber, Once(), finish)


def levels(*numbers: int) -> Floats:
    """Contexts that ask for these levels."""
    return np.repeat(np.asarray(numbers, np.float32)[:, None], 3, axis=1)


def context(**sinks: Any) -> Context:
    task = Task("test", 1, Stage.LIPSYNC, "painter", "/nowhere", {}, LipsyncParams())
    return Context(task, **sinks)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "paste"]
