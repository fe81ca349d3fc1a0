"""Whether a face is sharp: how much of its detail is fine detail."""

from __future__ import annotations

from typing import Final

from shared_schema.stages import Verdict
from vision_worker.marks import Mark, ramp
from vision_worker.patch import Patch

__all__ = ["judge", "sharpness"]

_SOFT: Final = 0.28
_BLURRED: Final = 0.115
"""Two faces, 70 to 400 pixels wide, gave 0.41 to 0.71 as they are; with a Gaussian blur of 1 % of the face's
width 0.31 to 0.44, of 1.5 % 0.24 to 0.32, of 2 % 0.19 to 0.25, of 3 % 0.14 to 0.17, of 4 % 0.11 to 0.13.
Contrast, dark and pale pictures and a JPEG of quality 20 changed it by less than 0.08. Noise passes for
detail. From 6 % on no face is found.
"""

_FINE, _MIDDLE, _COARSE = 0.005, 0.015, 0.05
"""Standard deviations, in widths of the face, between which detail counts as fine and as coarse."""

_FAINT: Final = 0.5
"""Added to the coarse detail, in units of L: a blank face has no detail to compare."""


def sharpness(patch: Patch) -> float:
    """Fine detail of the lightness by coarse, as standard deviations over the face: less if it is blurred."""
    fine, middle, coarse = (patch.softened(reach) for reach in (_FINE, _MIDDLE, _COARSE))
    face = patch.oval
    return float((fine - middle)[face].std() / ((middle - coarse)[face].std() + _FAINT))


def judge(patch: Patch) -> Mark:
    """The check "sharpness"."""
    value = sharpness(patch)
    shortfall = ramp(value, 0.45, _BLURRED)
    remedy = "Use a photo that is in focus."
    if value < _BLURRED:
        return Mark(
            "sharpness", Verdict.BAD, "The face is blurred beyond recognition of the lips.", remedy, 1.0
        )
    if value < _SOFT:
        return Mark("sharpness", Verdict.POOR, "The face is soft.", remedy, shortfall)
    return Mark("sharpness", Verdict.GOOD, "The face is sharp.", shortfall=shortfall)
