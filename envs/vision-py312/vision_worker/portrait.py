"""From a photo to a portrait: the face found, the frame chosen, picture and landmarks written together.

    photo ──find──> pixels, face ──frame──> cut, scaled, background ──write──> portrait.png, face.json

The landmarks are those that the frame was chosen by, moved with it. So of several people in a photo it is the
chosen one who will speak, and the face is searched for once. An engine that has pixels and a face already
begins in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from shared_schema.engine import Context
from shared_schema.errors import FaceError
from shared_schema.records import write_face
from shared_schema.stages import PortraitOutcome, PortraitParams
from vision_worker.background import with_background
from vision_worker.canvas import paint
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.framing import Frame, frame
from vision_worker.images import Pixels
from vision_worker.search import find_face
from vision_worker.segmentation import Segmenter

__all__ = ["MIN_SHOWN_WIDTH", "Framed", "frame_portrait", "make_portrait", "write_portrait"]

MIN_SHOWN_WIDTH: Final = 20.0
"""Narrowest face in the finished portrait, in pixels: in less there are no lips to move."""

_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Framed:
    """A finished portrait, shape (H, W, 3) with even sides, and its face in pixels of it."""

    pixels: Pixels
    face: Face

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])


def make_portrait(
    finder: FaceFinder,
    segmenter: Segmenter,
    path: Path,
    params: PortraitParams,
    context: Context,
    *,
    source: str,
    advise: bool = True,
) -> PortraitOutcome:
    """Write `portrait.png` and `face.json`; `source` says in words whose picture it is.

    With `advise` the outcome says what would make a better picture.

    Raises PhotoError and FaceError for pictures that cannot be used.
    """
    found = find_face(finder, path, params.face, context)
    photo = found.photo
    framed = frame_portrait(photo.pixels, found.face, params, context, segmenter)
    write_portrait(framed, context)
    write_face(context.output("face", "face.json"), framed.face.mesh(framed.width, framed.height))
    context.progress("framing", 1, 1)
    return PortraitOutcome(
        framed.width,
        framed.height,
        f"{source}, {photo.width} x {photo.height}",
        found.fitness.score,
        found.fitness.advice if advise else [],
    )


def frame_portrait(
    pixels: Pixels, face: Face, params: PortraitParams, context: Context, segmenter: Segmenter
) -> Framed:
    """A picture (H, W, 3) cut around a face of it, scaled, with the background that is wanted.

    Raises PhotoError for a picture that is too long to keep whole, FaceError for a face that becomes too
    small to animate, and for one that cannot be told from the background that is to go.
    """
    context.progress("framing", 0)
    height, width = pixels.shape[:2]
    chosen = frame(face.box, face.eye_level, (width, height), params.aspect, params.size)
    shown = face.moved(chosen.scale, chosen.left, chosen.top)
    _require_visible(shown, chosen)
    painted = paint(pixels, chosen)
    # Last, on what is shown: so what it takes grows with the video's size and not with the photo's.
    return Framed(with_background(painted, shown, params.background, segmenter, context.check), shown)


def write_portrait(
    framed: Framed,
    context: Context,
    *,
    name: str = "portrait",
    filename: str = "portrait.png",
    text: Mapping[str, str] = _NOTHING,
) -> None:
    """Write the picture as PNG, with `text` in its text chunks and nothing else beside the pixels.

    Keywords have 1 to 79 Latin-1 characters; text is tEXt where it is Latin-1, else iTXt (PNG, third edition,
    11.3.3).
    """
    chunks = PngInfo()
    for keyword, words in text.items():
        chunks.add_text(keyword, words)
    # Level 3 makes files 5 % larger than 6 in a third of the time.
    Image.fromarray(framed.pixels).save(context.output(name, filename), pnginfo=chunks, compress_level=3)


def _require_visible(face: Face, chosen: Frame) -> None:
    if face.width < MIN_SHOWN_WIDTH:
        raise FaceError(
            f"In a video of {chosen.shown_width} x {chosen.shown_height} pixels the face would be"
            f" {face.width:.0f} pixels wide.",
            "Choose `--aspect 1:1` to crop around it, or a larger `--size`.",
        )
