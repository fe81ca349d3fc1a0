"""Which face of a picture is meant, and whether it can be animated; if not, the reason in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shared_schema.errors import FaceError
from vision_worker.face import Face
from vision_worker.faces import MIN_RELATIVE_WIDTH, MIN_WIDTH

__all__ = [
    "MAX_YAW",
    "choose",
    "overhang",
    "require_animatable",
    "require_frontal",
    "require_whole",
    "subjects",
]

MAX_YAW: Final = 25.0
"""Degrees that a head may be turned to the side: beyond, the far half of the mouth is hardly seen."""

_OUTSIDE: Final = 0.04
"""Share of the face's width that may lie beyond the picture's edge: about the mesh's own error."""

_FOREHEAD_OUTSIDE: Final = 0.15
"""The same for the top edge: nothing moves there, and tight portraits are often cut at the hairline."""


def subjects(faces: Sequence[Face]) -> list[Face]:
    """The faces that a user may mean, left to right: large enough, and not mere background."""
    widest = max((face.width for face in faces), default=0.0)
    return [face for face in faces if face.width >= max(MIN_WIDTH, MIN_RELATIVE_WIDTH * widest)]


def choose(faces: Sequence[Face], number: int | None) -> Face:
    """The face of this number, 1 the leftmost; None demands that there is one only. FaceError otherwise."""
    if not faces:
        raise FaceError(
            "No face was found in the picture.", "Use an upright photo of a person who looks at the camera."
        )
    meant = subjects(faces)
    if not meant:
        widest = max(face.width for face in faces)
        raise FaceError(
            f"The face is {widest:.0f} pixels wide; at least {MIN_WIDTH:.0f} are needed.",
            "Use a closer or larger photo.",
        )
    if number is None and len(meant) > 1:
        raise FaceError(
            f"There are {len(meant)} faces in the picture.", "Choose one with `--face N`; 1 is the leftmost."
        )
    if number is not None and number > len(meant):
        count = "one face" if len(meant) == 1 else f"{len(meant)} faces"
        raise FaceError(f"There is no face {number}: the picture has {count}.", "1 is the leftmost.")
    return meant[(number or 1) - 1]


def require_animatable(face: Face, width: int, height: int) -> None:
    """FaceError where the face is cut by the edge of the picture of this size, or turned too far."""
    require_whole(face, width, height)
    require_frontal(face)


def require_whole(face: Face, width: int, height: int) -> None:
    """FaceError where the face is cut by the edge of the picture of this size."""
    edge, share = overhang(face, width, height)
    if share > 1:
        raise FaceError(
            f"The face is cut off at the {edge} edge of the picture.",
            "Use a photo that shows the whole face.",
        )


def require_frontal(face: Face) -> None:
    """FaceError where the face is turned too far to the side."""
    if abs(face.yaw) > MAX_YAW:
        side = "right" if face.yaw > 0 else "left"
        raise FaceError(
            f"The face is turned {abs(face.yaw):.0f} degrees to the picture's {side};"
            f" at most {MAX_YAW:.0f} can be animated.",
            "Use a photo of the person looking at the camera.",
        )


def overhang(face: Face, width: int, height: int) -> tuple[str, float]:
    """The edge that the face reaches beyond most, and how far: 0 touches it, 1 is all that it may."""
    left, top, right, bottom = face.box
    beyond = {
        "left": -left / _OUTSIDE,
        "right": (right - width) / _OUTSIDE,
        "top": -top / _FOREHEAD_OUTSIDE,
        "bottom": (bottom - height) / _OUTSIDE,
    }
    edge = max(beyond, key=lambda name: beyond[name])
    return edge, beyond[edge] / face.width
