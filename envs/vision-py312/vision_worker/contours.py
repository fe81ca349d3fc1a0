"""The lines of the face mesh that bound what is measured and drawn, as indices of its points."""

from __future__ import annotations

from typing import Final

from shared_schema import mesh
from shared_schema.mesh import LOWER_RINGS, UPPER_RINGS

__all__ = ["EYES", "LIPS", "OVAL"]

OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Around the face, from the forehead clockwise as the person sees it."""

LIPS: Final = (UPPER_RINGS[0], UPPER_RINGS[-1], LOWER_RINGS[-1], LOWER_RINGS[0])
"""From corner to corner of the mouth: the upper lip outside and inside, the lower inside and outside."""

EYES: Final = tuple((*upper, *lower[-2:0:-1]) for upper, lower in mesh.EYES)
"""Around each eye."""
