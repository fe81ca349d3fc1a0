"""Whether the eyes are open: a lip-synced face blinks, and closed eyes cannot."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_schema.stages import Verdict
from vision_worker.face import Face
from vision_worker.marks import Mark, ramp

__all__ = ["judge", "openness"]

_CLOSED: Final = 0.15
"""Of two faces, one with glasses, the eyes gave 0.25 to 0.31; with lids drawn half down 0.17 to 0.21, three
quarters down 0.05 to 0.17, closed 0.04 to 0.14.
"""

_LIDS: Final = (
    ((33, 133), ((160, 144), (159, 145), (158, 153))),
    ((362, 263), ((385, 380), (386, 374), (387, 373))),
)
"""For each eye its corners, and three pairs of points on the upper and the lower lid."""


def openness(points: NDArray[np.float64]) -> float:
    """Height by width of the less open eye of a mesh (478, 2 or 3).

    The eye aspect ratio of Soukupová and Čech, "Real-time eye blink detection using facial landmarks", 2016,
    with three pairs of points for their two.
    """
    seen = points[:, :2]
    ratios = []
    for (inner, outer), lids in _LIDS:
        heights = [float(np.linalg.norm(seen[upper] - seen[lower])) for upper, lower in lids]
        ratios.append(np.mean(heights) / max(float(np.linalg.norm(seen[inner] - seen[outer])), 1e-6))
    return float(min(ratios))


def judge(face: Face) -> Mark:
    """The check "eyes"; never bad, since the lips are what matters."""
    value = openness(face.points)
    shortfall = ramp(value, 0.22, 0.05)
    if value < _CLOSED:
        return Mark(
            "eyes",
            Verdict.POOR,
            "The eyes are closed, or nearly so.",
            "Use a photo with open eyes.",
            shortfall,
        )
    return Mark("eyes", Verdict.GOOD, "The eyes are open.", shortfall=shortfall)
