"""How fit a picture is for lip-sync: what is looked at, in words, and one number.

    faces, size, edge, yaw, pitch, roll, mouth, eyes, sharpness, light

`bad` means that lip-sync cannot work: the portrait engines refuse such a picture, in the same words. `poor`
means that the result will be worse than it could be.

Each check has a shortfall from 0 (nothing could be better) to 1, and a weight, the share of the score that it
can cost. What remains is the product of (1 - weight * shortfall) over the checks. The score is 20 + 80 times
that for a fit picture, 19 times that for an unfit one, and 0 where no face could be chosen. So it falls with
each measure that gets worse, and a fit picture always has more than an unfit one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared_schema.errors import FaceError
from shared_schema.stages import Finding, Verdict
from vision_worker import eyes, light, mouth, sharpness
from vision_worker.choice import MAX_YAW, choose, overhang, require_frontal, require_whole, subjects
from vision_worker.face import Face
from vision_worker.faces import MIN_WIDTH
from vision_worker.images import Pixels
from vision_worker.marks import Mark, ramp
from vision_worker.patch import patch_of

__all__ = ["Fitness", "look"]

_WEIGHTS: Final = {
    "faces": 1.0, "size": 0.3, "edge": 0.4, "yaw": 0.5, "pitch": 0.3, "roll": 0.15,
    "mouth": 0.6, "eyes": 0.25, "sharpness": 0.6, "light": 0.3,
}  # fmt: skip

_NARROW: Final = 128.0
_AMPLE: Final = 256.0
"""Width of the square, in pixels, that neural lip-sync brings a face to: a narrower one it scales up. Up to
twice is hardly seen.
"""

_TURNED: Final = 15.0
_NODDING: Final = 22.0
"""Degrees. Two people who look straight at the camera may be measured some 10 apart."""

_TILTED: Final = 25.0

_CHEAP: Final = ("mouth", "eyes", "sharpness")
"""What is a fault, even if it is only poor, where another picture costs no more than another seed."""


@dataclass(frozen=True)
class Fitness:
    """The marks of a picture, and the face that they are of; None where none could be chosen."""

    marks: tuple[Mark, ...]
    face: Face | None

    @property
    def fit(self) -> bool:
        """Whether lip-sync can work."""
        return self.refusal is None

    @property
    def score(self) -> float:
        """From 0 to 100, as the module says."""
        if self.face is None:
            return 0.0
        share = math.prod(1 - _WEIGHTS[mark.check] * mark.shortfall for mark in self.marks)
        return round(20 + 80 * share if self.fit else 19 * share, 1)

    @property
    def findings(self) -> list[Finding]:
        """Each check in one sentence, and one more on what to do where it is not good."""
        return [mark.finding for mark in self.marks]

    @property
    def advice(self) -> list[str]:
        """The sentences of what is poor."""
        return [mark.words for mark in self.marks if mark.verdict is Verdict.POOR]

    @property
    def refusal(self) -> FaceError | None:
        """The error that the first bad mark is; None where there is none."""
        bad = (mark for mark in self.marks if mark.verdict is Verdict.BAD)
        return next((FaceError(mark.message, mark.remedy) for mark in bad), None)

    def faults(self, *, strict: bool = False) -> list[str]:
        """Why not to take this picture: what is bad; if `strict` also open mouths, closed eyes, softness."""
        return [
            mark.message
            for mark in self.marks
            if mark.verdict is Verdict.BAD
            or (strict and mark.verdict is Verdict.POOR and mark.check in _CHEAP)
        ]


def look(pixels: Pixels, faces: Sequence[Face], number: int | None) -> Fitness:
    """The fitness of a picture of shape (H, W, 3) with these faces, for the face of this number.

    `number` is 1 for the leftmost face; None demands that there is one only. An unfit one is no error here.
    """
    meant = subjects(faces)
    try:
        face = choose(faces, number)
    except FaceError as error:
        return Fitness((Mark.refused("size" if faces and not meant else "faces", error),), None)
    height, width = pixels.shape[:2]
    count = "one face" if len(meant) == 1 else f"{len(meant)} faces"
    patch = patch_of(pixels, face)
    return Fitness(
        (
            Mark("faces", Verdict.GOOD, f"There is {count}." if len(meant) == 1 else f"There are {count}."),
            _size(face),
            _edge(face, width, height),
            _yaw(face),
            _pitch(face),
            _roll(face),
            mouth.judge(patch, face),
            eyes.judge(face),
            sharpness.judge(patch),
            light.judge(patch),
        ),
        face,
    )


def _size(face: Face) -> Mark:
    message = f"The face is {face.width:.0f} pixels wide."
    shortfall = ramp(face.width, _AMPLE, MIN_WIDTH / 2)
    if face.width < _NARROW:
        return Mark("size", Verdict.POOR, message, "A closer or larger photo gives finer lips.", shortfall)
    return Mark("size", Verdict.GOOD, message, shortfall=shortfall)


def _edge(face: Face, width: int, height: int) -> Mark:
    try:
        require_whole(face, width, height)
    except FaceError as error:
        return Mark.refused("edge", error)
    return Mark(
        "edge",
        Verdict.GOOD,
        "The whole face is in the picture.",
        shortfall=0.5 * ramp(overhang(face, width, height)[1], 0.0, 1.0),
    )


def _yaw(face: Face) -> Mark:
    side = "right" if face.yaw > 0 else "left"
    try:
        require_frontal(face)
    except FaceError as error:
        return Mark.refused("yaw", error)
    message = f"The face is turned {_degrees(face.yaw)} to the picture's {side}."
    shortfall = ramp(abs(face.yaw), 3.0, MAX_YAW)
    if abs(face.yaw) > _TURNED:
        return Mark("yaw", Verdict.POOR, message, "Looking at the camera is best.", shortfall)
    return Mark("yaw", Verdict.GOOD, message, shortfall=shortfall)


def _pitch(face: Face) -> Mark:
    pitch = face.pose.pitch
    message = f"The face is {'raised' if pitch > 0 else 'lowered'} by {_degrees(pitch)}."
    shortfall = ramp(abs(pitch), 12.0, 45.0)
    if abs(pitch) > _NODDING:
        return Mark("pitch", Verdict.POOR, message, "Hold the camera at the height of the eyes.", shortfall)
    # No angle here: what is level for one person is measured as some degrees for another.
    return Mark("pitch", Verdict.GOOD, "The head is held level.", shortfall=shortfall)


def _roll(face: Face) -> Mark:
    roll = face.pose.roll
    message = f"The head is tilted {_degrees(roll)} {'clockwise' if roll > 0 else 'anticlockwise'}."
    shortfall = ramp(abs(roll), 10.0, 60.0)
    if abs(roll) > _TILTED:
        return Mark("roll", Verdict.POOR, message, "Turn the photo until the head is upright.", shortfall)
    return Mark("roll", Verdict.GOOD, message, shortfall=shortfall)


def _degrees(angle: float) -> str:
    number = f"{abs(angle):.0f}"
    return f"{number} degree" if number == "1" else f"{number} degrees"
