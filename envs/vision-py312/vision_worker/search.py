"""Reads a picture and finds the face in it that is meant, reporting progress: what all engines begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared_schema.engine import Context
from vision_worker.choice import subjects
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.fitness import Fitness, look
from vision_worker.images import Photo, read_photo

__all__ = ["Found", "Seen", "find_face", "find_faces"]

_PHASE = "finding the face"


@dataclass(frozen=True)
class Seen:
    """A picture, all of its faces in pixels of `photo.pixels`, and how fit it is for lip-sync."""

    photo: Photo
    faces: list[Face]
    fitness: Fitness

    @property
    def count(self) -> int:
        """How many faces there are to choose from."""
        return len(subjects(self.faces))


@dataclass(frozen=True)
class Found:
    """A picture, the chosen face in pixels of `photo.pixels`, of how many it was chosen, and its fitness."""

    photo: Photo
    face: Face
    faces: int
    fitness: Fitness


def find_faces(finder: FaceFinder, path: Path, number: int | None, context: Context) -> Seen:
    """The faces of a picture, and the fitness of the one of this number (1 the leftmost, None the only one).

    Raises PhotoError for what is not a usable picture.
    """
    context.progress("reading", 0)
    photo = read_photo(path)
    context.progress(_PHASE, 0)
    faces = finder.find(photo.pixels, lambda done, total: context.progress(_PHASE, done, total))
    return Seen(photo, faces, look(photo.pixels, faces, number))


def find_face(finder: FaceFinder, path: Path, number: int | None, context: Context) -> Found:
    """The face of this number (1 the leftmost, None the only one).

    Raises PhotoError for what is not a usable picture, FaceError for what is not a usable face.
    """
    seen = find_faces(finder, path, number, context)
    face, refusal = seen.fitness.face, seen.fitness.refusal
    if refusal is not None:
        raise refusal
    assert face is not None  # noqa: S101 - else it was refused
    return Found(seen.photo, face, seen.count, seen.fitness)
