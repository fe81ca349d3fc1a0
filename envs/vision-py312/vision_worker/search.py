"""Reads a picture and finds the face in it that is meant, reporting progress: what all engines begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared_schema.engine import Context
from vision_worker.choice import choose, require_animatable, subjects
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.images import Photo, read_photo

__all__ = ["Found", "find_face"]

_PHASE = "finding the face"


@dataclass(frozen=True)
class Found:
    """A picture, the chosen face in pixels of `photo.pixels`, and how many there were to choose from."""

    photo: Photo
    face: Face
    faces: int


def find_face(finder: FaceFinder, path: Path, number: int | None, context: Context) -> Found:
    """The face of this number (1 the leftmost, None the only one).

    Raises PhotoError for what is not a usable picture, FaceError for what is not a usable face.
    """
    context.progress("reading", 0)
    photo = read_photo(path)
    height, width = photo.pixels.shape[:2]
    context.progress(_PHASE, 0)
    faces = finder.find(photo.pixels, lambda done, total: context.progress(_PHASE, done, total))
    face = choose(faces, number)
    require_animatable(face, width, height)
    return Found(photo, face, len(subjects(faces)))
