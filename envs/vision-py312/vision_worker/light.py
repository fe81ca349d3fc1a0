"""Whether a face is well lit: neither too dark nor bleached, and from both sides."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from shared_schema.stages import Verdict
from vision_worker.marks import Mark, ramp
from vision_worker.patch import Patch

__all__ = ["Light", "judge", "light"]

_DARK: Final = 30.0
"""Least lightness of the brightest twentieth of a face. Two faces had 82 and 88; at half of their sRGB values
43 and 46, at a third 28 and 31. The brightest part and not the mean, since dark skin in good light has
highlights too.
"""

_WHITE: Final = 97.0
_BLEACHED: Final = 0.25
"""Share of the face that may be white. Two faces had none; at 1.5 times their sRGB values 0.19 and 0.64."""

_UNEVEN: Final = 25.0
"""Difference of lightness between the cheeks. Two faces had 0 and 8; with sRGB values twice as high on one
side as on the other 22 and 23, three times 34 and 36.
"""

_CHEEKS: Final = (50, 101, 205), (280, 330, 425)


class Light(NamedTuple):
    """L of the brightest twentieth (0 to 100), the white share, and L of the right cheek less the left's."""

    bright: float
    white: float
    slope: float


def light(patch: Patch) -> Light:
    """How the face is lit."""
    seen = patch.lightness[patch.oval]
    sides = [
        float(np.mean([patch.around(patch.points[index], 0.03)[..., 0] for index in cheek]))
        for cheek in _CHEEKS
    ]
    return Light(float(np.percentile(seen, 95)), float((seen > _WHITE).mean()), sides[1] - sides[0])


def judge(patch: Patch) -> Mark:
    """The check "light"; never bad, since lips move in the dark too."""
    bright, white, slope = light(patch)
    shortfalls = {
        "The face is too dark.": (ramp(bright, 60.0, 10.0), bright < _DARK),
        "The face is too bright: parts of it are white.": (ramp(white, 0.05, 0.6), white > _BLEACHED),
        f"The light comes from the picture's {'right' if slope > 0 else 'left'}.": (
            ramp(abs(slope), 10.0, 50.0),
            abs(slope) > _UNEVEN,
        ),
    }
    total = 1 - float(np.prod([1 - shortfall for shortfall, _ in shortfalls.values()]))
    for message, (_, poor) in shortfalls.items():
        if poor:
            return Mark("light", Verdict.POOR, message, "Use a photo with soft light from the front.", total)
    return Mark("light", Verdict.GOOD, "The face is well lit.", shortfall=total)
