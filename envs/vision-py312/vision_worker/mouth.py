"""Whether a mouth is closed, and whether it is seen at all.

The face mesh draws a mouth under any mask or hand, so that its points alone tell nothing. Four signs do:

    plain      across the lips' edges hardly anything changes, compared with the change across the eyes
    seamless   no line of another lightness runs between the lips
    foreign    what surrounds the lips has a colour that the cheeks and the forehead have not
    unsteady   measured again in other windows, the face's points came out elsewhere (`Face.quality`)

Bad is a mouth that is plain and shows another sign, or that shows three; poor is any other with a sign.

Measured on two people only, one smiling, one with closed lips; the rest was drawn onto them. Of 266 free
mouths (beards, moustaches, lipsticks and lips in the colour of skin, mouths drawn open; darker, paler and
tinted skin; grey, blurred, noisy, small, turned by up to 22 degrees, lit from a side, and mixtures of these)
none was plain, six showed one sign, none more. Of 183 covered ones (masks plain, folded and patterned,
hands, fists, scarves, bars, microphones, pixelated and painted-over mouths; in colour, grey, dark, blurred,
small) 110 were bad, 58 poor and 15 taken for good: grey and white folds, fingers along the lips, and mouths
painted over.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from shared_schema.stages import Verdict
from vision_worker.contours import LIPS
from vision_worker.face import Face
from vision_worker.marks import Mark, ramp
from vision_worker.patch import Patch, Values

__all__ = ["Evidence", "evidence", "judge", "opening"]

_OPEN: Final = 0.04
"""Gap between the lips, in widths of the face, from which on a mouth counts as open. Closed ones gave 0.001,
a smile with teeth 0.08.
"""

# Beside each limit the nearest of the free mouths.
_PLAIN: Final = 0.22  # 0.28
_SEAMLESS: Final = 0.04  # 0.03, dark lipstick and a black beard; all others 0.04 and more
_FOREIGN: Final = 25.0  # 46, a beard in warm light; all others 25 and less
_UNSTEADY: Final = 0.55  # 0.48, turned; all others but a small bearded one 0.55 and more

_INNER_UPPER, _INNER_LOWER = 13, 14
_EYES: Final = ((33, 133), (362, 263))
_AROUND_LIPS: Final = (164, 167, 393, 18, 83, 313, 186, 410, 106, 335)
_BARE_SKIN: Final = (50, 280, 101, 330, 151, 9, 6, 197, 108, 337)
_SOFTENED: Final = 0.008
"""Blur before the lips are compared, in widths of the face: against noise and a JPEG's blocks."""


def opening(points: NDArray[np.float64]) -> float:
    """The gap between the lips of a mesh (478, 2 or 3), in widths of the face."""
    seen = points[:, :2]
    gap = np.linalg.norm(seen[_INNER_UPPER] - seen[_INNER_LOWER])
    return float(gap / max(float(np.linalg.norm(points[234] - points[454])), 1e-6))


class Evidence(NamedTuple):
    """What the four signs are read off. All but the last are small where the mouth is covered.

    `steadiness` from 0 to 1; the `change` of colour across the lips and the lightness of the `seam` between
    them against the lips', in standard deviations of the lightness around the eyes; `hue` is the distance in
    a and b between the surroundings of the lips and the skin above.
    """

    steadiness: float
    change: float
    seam: float
    hue: float

    @property
    def signs(self) -> list[str]:
        """What speaks for something in front of the mouth, as clauses; empty where it is plainly seen."""
        found = {
            "no lips stand out": self.change < _PLAIN,
            "no line runs between the lips": self.seam < _SEAMLESS,
            "its colour is not the skin's": self.hue > _FOREIGN,
            "its place is not steady": self.steadiness < _UNSTEADY,
        }
        return [sign for sign, seen in found.items() if seen]

    @property
    def covered(self) -> bool:
        """Whether the signs are enough to be sure."""
        return len(self.signs) > (1 if self.change < _PLAIN else 2)


def evidence(patch: Patch, face: Face) -> Evidence:
    """How the mouth of a face looks."""
    blurred = cv2.GaussianBlur(patch.lab, (0, 0), max(_SOFTENED * patch.width, 0.1))
    soft = Patch(np.asarray(blurred), patch.points, patch.width)
    zones, reference = _zones(soft), max(_eye_contrast(soft), 1.0)
    change = float(np.sqrt(((zones - zones.mean(axis=0)) ** 2).sum(axis=1).mean()))
    seam = abs(float(zones[2, 0] - (zones[1, 0] + zones[3, 0]) / 2))
    return Evidence(face.quality, change / reference, seam / reference, _hue_distance(patch))


def judge(patch: Patch, face: Face) -> Mark:
    """The check "mouth": bad where it is covered, poor where it may be or is open."""
    found, gap = evidence(patch, face), opening(face.points)
    signs = found.signs
    shortfall = max(min(1.0, len(signs) / 3), 0.6 * ramp(gap, 0.01, 0.2))
    if found.covered:
        message = f"The mouth is covered: {signs[0]} and {signs[1]}."
        return Mark("mouth", Verdict.BAD, message, "Use a photo that shows the whole mouth.", 1.0)
    if signs:
        message = f"The mouth may be covered: {signs[0]}."
        remedy = "See that nothing is in front of it."
        return Mark("mouth", Verdict.POOR, message, remedy, shortfall)
    if gap > _OPEN:
        message = f"The mouth is open, by {100 * gap:.0f} % of the face's width."
        return Mark("mouth", Verdict.POOR, message, "A closed one is animated best.", shortfall)
    return Mark("mouth", Verdict.GOOD, "The mouth is visible and closed.", shortfall=shortfall)


def _zones(patch: Patch) -> Values:
    """Mean colours above the upper lip, on it, between the lips, on the lower one, below it; shape (5, 3)."""
    above, upper, lower, below = (_along(patch.points[list(edge)]) for edge in LIPS)
    up, middle = patch.up, (upper + lower) / 2
    slit = (upper, lower)
    if np.linalg.norm(upper - lower, axis=1).mean() < 0.03 * patch.width:
        slit = (middle + 0.012 * up, middle - 0.012 * up)
    strips = (
        _strip(above + 0.03 * up, above + 0.10 * up, 0.0, 1.0),
        _strip(above, upper, 0.2, 0.75),
        _strip(*slit, 0.0, 1.0),
        _strip(lower, below, 0.25, 0.8),
        _strip(below - 0.03 * up, below - 0.10 * up, 0.0, 1.0),
    )
    return np.asarray([patch.at(strip).mean(axis=(0, 1)) for strip in strips], np.float32)


def _along(edge: NDArray[np.float64]) -> NDArray[np.float64]:
    """25 places along an edge, without the corners of the mouth; shape (25, 2)."""
    share, known = np.linspace(0.15, 0.85, 25), np.linspace(0.0, 1.0, len(edge))
    return np.stack([np.interp(share, known, edge[:, axis]) for axis in (0, 1)], axis=1)


def _strip(
    one: NDArray[np.float64], other: NDArray[np.float64], first: float, last: float
) -> NDArray[np.float64]:
    """Places between two lines, from the `first` to the `last` share of the way; shape (6, 25, 2)."""
    return np.stack([one + (other - one) * share for share in np.linspace(first, last, 6)])


def _eye_contrast(patch: Patch) -> float:
    """Standard deviation of the lightness in the squares around the eyes, their mean; units of L."""
    spreads = []
    for corners in _EYES:
        one, other = patch.points[list(corners)]
        reach = 0.6 * float(np.linalg.norm(one - other)) / max(patch.width, 1e-6)
        spreads.append(float(patch.around((one + other) / 2, reach)[..., 0].std()))
    return float(np.mean(spreads))


def _hue_distance(patch: Patch) -> float:
    """Distance in a and b between what surrounds the lips and the skin of cheeks, nose and forehead."""
    lips, skin = (
        np.median([patch.around(patch.points[index], reach).mean(axis=(0, 1)) for index in places], axis=0)
        for places, reach in ((_AROUND_LIPS, 0.02), (_BARE_SKIN, 0.03))
    )
    return float(np.linalg.norm((lips - skin)[1:]))
