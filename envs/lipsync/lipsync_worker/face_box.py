"""The boxes that neural lip-sync networks are shown, from the face's landmarks.

The networks were trained on boxes of other finders: MuseTalk on those of 68 landmarks as dlib numbers them,
Wav2Lip on those of the S3FD detector. Both are made here from the mesh, so neither finder is needed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from lipsync_worker.arrays import Floats, Picture
from shared_schema.errors import FaceError

__all__ = ["Box", "musetalk_box", "wav2lip_box"]

SMALLEST = 8  # pixels: less of a face is none
NOSE: Final = (195, 5)  # their mean is dlib's point 29 (median IoU of the boxes 0.957 over 9 faces)
MARGIN = 10  # pixels below the chin in v1.5: room for a jaw that drops
SIXTY_EIGHT: Final = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 6, 195, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
FOREHEAD: Final = (108, 151, 337)  # halfway between brows and hair
BELOW_CHIN = 0.05  # of the box's height


class Box(NamedTuple):
    """A rectangle of whole pixels; `right` and `bottom` are the first that are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across, negative where the sides have crossed."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down, negative where top and bottom have crossed."""
        return self.bottom - self.top

    def overlap(self, other: Box) -> Box:
        """What lies in both; no width or no height, or less than none, where nothing does."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def seen_from(self, other: Box) -> Box:
        """The same rectangle in pixels from the top left corner of `other`."""
        left, top = other.left, other.top
        return Box(self.left - left, self.top - top, self.right - left, self.bottom - top)

    def of(self, pixels: Picture) -> Picture:
        """The rectangle of a picture or mask, as a view. It must lie inside."""
        return pixels[self.top : self.bottom, self.left : self.right]


def musetalk_box(points: Floats, size: tuple[int, int], version: str, shift: int = 0) -> Box:
    """The box of MuseTalk: as far above the nose's ridge as the face goes on below, and as wide as the face.

    `points` (478, 2 or 3) pixels of a picture of `size` (width, height). In "v1.5" it reaches 10 pixels below
    the chin; in "v1" `shift` moves the ridge down by so many pixels (its bbox_shift), and v1.5 has none.
    FaceError where less than 8 pixels of it are in the picture. Coordinates lose their fractions first, as
    in MuseTalk's preprocessing (Zhang et al. 2024).
    """
    face = _usable(points)
    outline = face[list(SIXTY_EIGHT)].astype(int)
    chin = int(outline[:, 1].max())  # of a tilted face it is not the point of the chin
    nose = int(face[list(NOSE), 1].mean())
    if version == "v1":
        nose += shift
    bottom = chin if version == "v1" else chin + MARGIN
    left, right = int(outline[:, 0].min()), int(outline[:, 0].max())
    return _inside(Box(left, nose - (chin - nose), right, bottom), size)


def wav2lip_box(points: Floats, size: tuple[int, int]) -> Box:
    """The box of Wav2Lip: from the middle of the forehead to a little below the chin, ear to ear.

    `points` (478, 2 or 3) pixels of a picture of `size` (width, height). FaceError as in `musetalk_box`.
    The original takes the box of the S3FD detector, which ends at the chin, and adds 10 pixels below (its
    pads 0, 10, 0, 0) whatever the face's size. Here these are 5 % of the height, what 10 pixels are of a
    face of 200. S3FD itself was not at hand to compare with.
    """
    outline = _usable(points)[[*SIXTY_EIGHT, *FOREHEAD]]
    (left, top), (right, bottom) = outline.min(0), outline.max(0)
    return _inside(Box(int(left), int(top), int(right), int(bottom + BELOW_CHIN * (bottom - top))), size)


def _usable(points: Floats) -> Floats:
    if not np.isfinite(points).all():
        raise FaceError("The face's landmarks are not all numbers.", "Measure the face again.")
    return points[:, :2]


def _inside(box: Box, size: tuple[int, int]) -> Box:
    """What of a box is in the picture."""
    clipped = box.overlap(Box(0, 0, *size))
    if clipped.width < SMALLEST or clipped.height < SMALLEST:
        seen = f"{max(clipped.width, 0)} x {max(clipped.height, 0)}"
        raise FaceError(
            f"Only {seen} pixels of the face are in the picture.", "Use a picture of a larger, whole face."
        )
    return clipped
