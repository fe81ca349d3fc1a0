"""A mouth for every frame: contexts and footage in, pictures out, with a network between them.

    contexts ─┐    main thread            follower                 writer
              ├─> batch ─> network ───> wait, match, paste, life ───> encode
    footage ──┘   (queues, on a GPU)

Each thread works while the others do: a GPU has its next batch before the last one's faces are pasted.
Nothing holds more than a few batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.face_box import Box
from lipsync_worker.follower import Follower
from lipsync_worker.footage import Footage, Shot
from lipsync_worker.matching import Matcher
from lipsync_worker.paste import Parser, Paster
from shared_schema.engine import Context
from shared_schema.stages import Dubbing

__all__ = ["Batch", "Dubbed", "Dubber", "Finish", "References", "Session", "crop_of", "dub"]

AHEAD = 1  # batches that may wait to be pasted: at 1080p one of 32 frames takes 200 MB
PHASE = "dubbing"


class Batch(Protocol):
    """Faces that are being made."""

    def pictures(self) -> NDArray[np.uint8]:
        """The faces (n, side, side, 3), BGR. Waits until they are made."""


class Dubber(Protocol):
    """A network at work: its faces are `side` pixels wide and high, `batch` says how many to give at once."""

    side: int
    batch: int

    def refer(self, crop: Picture) -> Any:
        """What the network needs to know of a face (side, side, 3), BGR."""

    def render(self, references: Sequence[Any], contexts: Floats) -> Sequence[Batch]:
        """Faces that say these contexts (n, ...), in order. May return before they are made."""


class References(Protocol):
    """What a dubber knows of shots, by their keys: each is looked at once."""

    def of(self, key: int, look: Callable[[], Any]) -> Any:
        """What is known of a shot; `look` finds out where nothing is."""


class Finish(NamedTuple):
    """How faces become part of their pictures. Without a `matcher` they are only brought to size."""

    paster: Paster
    matcher: Matcher | None

    @classmethod
    def of(cls, dubbing: Dubbing, parser: Parser | None = None) -> Finish:
        """As a task asks for it."""
        matcher = Matcher(sharpen=dubbing.sharpen) if dubbing.match and not dubbing.compat else None
        return cls(Paster(dubbing.mask, compat=dubbing.compat, parser=parser), matcher)


class Session(NamedTuple):
    """All that takes part: what is dubbed, by which network, and what that knows of its faces."""

    footage: Footage
    dubber: Dubber
    references: References
    finish: Finish


@dataclass(frozen=True)
class Dubbed:
    """What came of it: how many frames were written, and how many of them had no face."""

    frames: int
    untouched: int


@dataclass
class _Work:
    """Frames on their way: their shots in order; of those with a face what the network knows and hears."""

    first: int
    shots: list[Shot] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)
    contexts: list[Floats] = field(default_factory=list)
    batches: Sequence[Batch] = ()


def crop_of(shot: Shot, side: int) -> Picture:
    """The face of a shot as networks are shown it: (side, side, 3), resized by Lanczos, as MuseTalk does."""
    assert shot.box is not None  # noqa: S101 - asked only of shots with a face
    part = shot.box.of(shot.picture)
    return picture(cv2.resize(part, (side, side), interpolation=cv2.INTER_LANCZOS4))


class _Finisher:
    """Turns work that the network has done into pictures of the video, in order."""

    def __init__(self, session: Session, write: Callable[[Picture], None]) -> None:
        self._footage, self._finish, self._write = session.footage, session.finish, write
        self._side = session.dubber.side
        self._known: tuple[int, Picture] | None = None
        self.frames = 0
        self.untouched = 0

    def complete(self, work: _Work) -> None:
        faces = (face for batch in work.batches for face in batch.pictures())
        for number, shot in enumerate(work.shots, work.first):
            if shot.points is None or shot.box is None:
                self.untouched += 1
                self._write(self._footage.dubbed(number, shot, None))
            else:
                points, box = shot.points, shot.box
                face = self._matched(next(faces), shot, box)
                made = self._footage.dubbed(
                    number,
                    shot,
                    lambda canvas, points=points, box=box, face=face: self._finish.paster.paste(  # type: ignore[misc]
                        canvas, points, box, face
                    ),
                )
                self._write(made)
            self.frames += 1

    def _matched(self, face: Picture, shot: Shot, box: Box) -> Picture:
        if self._finish.matcher is None:
            return face
        if self._known is None or self._known[0] != shot.key:
            self._known = (shot.key, crop_of(shot, self._side))
        return self._finish.matcher.face(face, self._known[1], box, scene=shot.scene)


def dub(
    session: Session,
    contexts: Iterable[Floats | None],
    write: Callable[[Picture], None],
    context: Context,
    *,
    total: int = 0,
) -> Dubbed:
    """Write a frame for each context. None among the contexts: none has come yet, so write what there is.

    `total` is how many are to be expected, 0 where nobody knows.
    """
    finisher = _Finisher(session, write)
    work = _Work(0)
    context.progress(PHASE, 0, total)
    with Follower("paste", finisher.complete, AHEAD) as follower:

        def flush() -> None:
            nonlocal work
            if work.contexts:
                work.batches = session.dubber.render(work.references, np.stack(work.contexts))
            if work.shots:
                follower.give(work)
            work = _Work(work.first + len(work.shots))
            context.progress(PHASE, finisher.frames, total)

        for block in contexts:
            if block is None:
                flush()
                continue
            for heard in block:
                _take(work, session, heard)
                if len(work.shots) >= session.dubber.batch:
                    flush()
        flush()
    context.progress(PHASE, finisher.frames, finisher.frames)
    return Dubbed(finisher.frames, finisher.untouched)


def _take(work: _Work, session: Session, heard: Floats) -> None:
    """Add the next frame to the work."""
    shot = session.footage.shot(work.first + len(work.shots))
    work.shots.append(shot)
    if shot.box is not None:
        dubber = session.dubber
        known = session.references.of(shot.key, lambda: dubber.refer(crop_of(shot, dubber.side)))
        work.references.append(known)
        work.contexts.append(heard)
