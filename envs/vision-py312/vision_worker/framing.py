"""Which part of a picture to show, as a portrait photographer would frame it. Geometry only, no pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared_schema.errors import PhotoError
from shared_schema.stages import Aspect
from vision_worker.face import Box

__all__ = ["DEFAULT_SIZE", "MAX_ENLARGEMENT", "Frame", "frame"]

DEFAULT_SIZE: Final = 512
"""Short side of the output in pixels where the user names none, unless the picture has too few for it."""

MAX_ENLARGEMENT: Final = 2.0
"""How many times larger a part cut out of a picture is shown unasked, so that lip-sync has enough of a face
to work on: at 512 pixels a face is 100 to 140 wide. Beyond that only blur is added. A whole picture is shown
at most as large as it is.
"""

MAX_RATIO: Final = 4.0
"""Longest by shortest side of a picture that is kept whole."""

_RATIO: Final = {Aspect.SQUARE: 1.0, Aspect.WIDE: 16 / 9, Aspect.TALL: 9 / 16}

_HEIGHT: Final = {Aspect.SQUARE: 3.6, Aspect.WIDE: 3.0, Aspect.TALL: 4.8}
"""Height of the frame in heights of the face (hairline to chin): head and shoulders, room above the hair."""

_EYE_LEVEL: Final = 0.38
"""Where the eyes stand, from the top of the frame: a little below the upper third, for the hair's sake."""

# What should stay in the frame around the face, in shares of its width or height: ears, hair, chin.
_ROOM_ABOVE: Final = 0.35
_ROOM_BESIDE: Final = 0.15
_ROOM_BELOW: Final = 0.1

_BARE: Final = 0.25
"""The share of that room without which a face looks cut off."""


@dataclass(frozen=True)
class Frame:
    """A rectangle of a picture, which may reach beyond it, and the even size it is shown at; in pixels."""

    left: int
    top: int
    width: int
    height: int
    shown_width: int
    shown_height: int

    @property
    def scale(self) -> float:
        """Pixels shown for one of the picture."""
        return self.shown_width / self.width


def frame(box: Box, eye_level: float, picture: tuple[int, int], aspect: Aspect, size: int | None) -> Frame:
    """The frame around a face in a picture of (width, height).

    `box` is the face in pixels, `eye_level` the height of its eyes; `size` the short side to show, in pixels,
    rounded down to an even number. None shows `DEFAULT_SIZE`, or as much as `MAX_ENLARGEMENT` gives.
    `Aspect.PHOTO` keeps the picture whole, but for a last row or column of an odd number of them. Elsewhere
    the frame reaches beyond the picture only where a picture of that shape could not hold the whole face.

    Raises PhotoError for a picture that is too long and narrow to keep whole.
    """
    if aspect is Aspect.PHOTO:
        return _whole(picture, size)
    width, height = _extent(box, picture, aspect)
    keep = _keep(box, picture, 1.0)
    if not _fits(keep, width, height):
        keep = _keep(box, picture, _BARE)
    left = _place((box[0] + box[2]) / 2 - width / 2, width, (keep[0], keep[2]), picture[0])
    top = _place(eye_level - _EYE_LEVEL * height, height, (keep[1], keep[3]), picture[1])
    return Frame(
        left,
        top,
        width,
        height,
        *_shown(width, height, _RATIO[aspect], size or _default(width, height, MAX_ENLARGEMENT)),
    )


def _whole(picture: tuple[int, int], size: int | None) -> Frame:
    width, height = _even(picture[0]), _even(picture[1])
    if max(picture) > MAX_RATIO * min(picture):
        raise PhotoError(
            f"The picture, {picture[0]} x {picture[1]}, is too long and narrow for a video.",
            "Choose a part of it with `--aspect 16:9`, `9:16` or `1:1`.",
        )
    return Frame(
        0, 0, width, height, *_shown(width, height, width / height, size or _default(width, height, 1))
    )


def _keep(box: Box, picture: tuple[int, int], share: float) -> Box:
    """The face with this share of the room for ears, hair and chin, as far as the picture has it."""
    left, top, right, bottom = box
    width, height = (right - left) * share, (bottom - top) * share
    return (
        max(0.0, left - _ROOM_BESIDE * width),
        max(0.0, top - _ROOM_ABOVE * height),
        min(float(picture[0]), right + _ROOM_BESIDE * width),
        min(float(picture[1]), bottom + _ROOM_BELOW * height),
    )


def _extent(box: Box, picture: tuple[int, int], aspect: Aspect) -> tuple[int, int]:
    """Width and height of the frame, even: as planned, less in a small picture, more to hold the face."""
    ratio = _RATIO[aspect]
    height = _even(min(_HEIGHT[aspect] * (box[3] - box[1]), picture[1], picture[0] / ratio))
    width = min(_nearest_even(height * ratio), _even(picture[0]))
    if _fits(_keep(box, picture, _BARE), width, height):
        return width, height
    # Beyond the picture after all: then with room.
    left, top, right, bottom = _keep(box, picture, 1.0)
    height = _even(max(bottom - top, (right - left) / ratio) + 4)
    return _nearest_even(height * ratio), height


def _fits(box: Box, width: int, height: int) -> bool:
    return box[2] - box[0] <= width and box[3] - box[1] <= height


def _place(ideal: float, length: int, keep: tuple[float, float], picture: int) -> int:
    """Where the frame begins along one axis: near the ideal, the head inside, in the picture if possible."""
    first, last = keep[1] - length, keep[0]
    place = min(max(ideal, first), last)
    low, high = sorted((0, picture - length))
    return round(min(max(place, low), high))


def _default(width: int, height: int, enlargement: float) -> int:
    return min(DEFAULT_SIZE, int(enlargement * min(width, height)))


def _shown(width: int, height: int, ratio: float, size: int) -> tuple[int, int]:
    short, wanted = min(width, height), _even(size)
    if wanted == short:
        return width, height
    long = _nearest_even(wanted * max(ratio, 1 / ratio))
    return (long, wanted) if ratio >= 1 else (wanted, long)


def _even(length: float) -> int:
    return max(2, int(length) // 2 * 2)


def _nearest_even(length: float) -> int:
    return max(2, 2 * round(length / 2))
