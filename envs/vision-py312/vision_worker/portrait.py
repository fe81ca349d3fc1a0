"""From a photo to a portrait: the face found, the frame chosen, picture and landmarks written together.

The landmarks are those that the frame was chosen by, moved with it. So of several people in a photo it is the
chosen one who will speak, and the face is searched for once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image

from shared_schema.engine import Context
from shared_schema.errors import FaceError
from shared_schema.records import write_face
from shared_schema.stages import PortraitOutcome, PortraitParams
from vision_worker.canvas import paint
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.framing import Frame, frame
from vision_worker.search import find_face

__all__ = ["MIN_SHOWN_WIDTH", "make_portrait"]

MIN_SHOWN_WIDTH: Final = 20.0
"""Narrowest face in the finished portrait, in pixels: in less there are no lips to move."""


def make_portrait(
    finder: FaceFinder, path: Path, params: PortraitParams, context: Context, *, source: str
) -> PortraitOutcome:
    """Write `portrait.png` and `face.json`; `source` says in words whose picture it is.

    Raises PhotoError and FaceError for pictures that cannot be used.
    """
    found = find_face(finder, path, params.face, context)
    photo, face = found.photo, found.face
    height, width = photo.pixels.shape[:2]
    context.progress("framing", 0)
    chosen = frame(face.box, face.eye_level, (width, height), params.aspect, params.size)
    shown = face.moved(chosen.scale, chosen.left, chosen.top)
    _require_visible(shown, chosen)
    # Level 3 makes files 5 % larger than 6 in a third of the time.
    Image.fromarray(paint(photo.pixels, chosen)).save(
        context.output("portrait", "portrait.png"), compress_level=3
    )
    write_face(context.output("face", "face.json"), shown.mesh(chosen.shown_width, chosen.shown_height))
    context.progress("framing", 1, 1)
    origin = f"{source}, {photo.width} x {photo.height}"
    return PortraitOutcome(chosen.shown_width, chosen.shown_height, origin)


def _require_visible(face: Face, chosen: Frame) -> None:
    if face.width < MIN_SHOWN_WIDTH:
        raise FaceError(
            f"In a video of {chosen.shown_width} x {chosen.shown_height} pixels the face would be"
            f" {face.width:.0f} pixels wide.",
            "Choose `--aspect 1:1` to crop around it, or a larger `--size`.",
        )
