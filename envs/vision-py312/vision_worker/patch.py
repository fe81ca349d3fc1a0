"""A face cut out of its picture and brought to one size: what the measures of its fitness look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_worker.contours import OVAL
from vision_worker.face import Face
from vision_worker.images import Pixels

__all__ = ["Patch", "Values", "patch_of"]

Values = NDArray[np.float32]

_WIDTH: Final = 160.0
"""Width that faces are scaled down to, in pixels: measures then mean the same for all; small ones stay."""

_MARGIN: Final = 0.12
"""What is kept around the mesh, in widths of the face."""

_FOREHEAD, _CHIN = 10, 152
_SKIN_SHARE: Final = 0.85
"""The oval drawn in to this share of itself holds skin only: neither hair nor what is behind the face."""


@dataclass(frozen=True)
class Patch:
    """A face in CIE Lab (L from 0 to 100), shape (h, w, 3), and its points, shape (478, 2), in its pixels."""

    lab: Values
    points: NDArray[np.float64]
    width: float

    @property
    def lightness(self) -> Values:
        """L alone, shape (h, w)."""
        return self.lab[..., 0]

    @property
    def up(self) -> NDArray[np.float64]:
        """The way from chin to forehead, as long as the face is wide."""
        way = self.points[_FOREHEAD] - self.points[_CHIN]
        return np.asarray(way / max(float(np.linalg.norm(way)), 1e-6) * self.width)

    @property
    def across(self) -> NDArray[np.float64]:
        """The way at a right angle to `up`, to the right in an upright picture."""
        return np.array([-self.up[1], self.up[0]])

    @property
    def oval(self) -> NDArray[np.bool_]:
        """Which pixels are the face's, shape (h, w); all of them where none of the face is in the picture."""
        outline = self.points[list(OVAL)]
        outline = outline.mean(axis=0) + _SKIN_SHARE * (outline - outline.mean(axis=0))
        mask = np.zeros(self.lab.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], (1,))
        return mask > 0 if mask.any() else mask == 0

    def at(self, places: NDArray[np.float64]) -> Values:
        """The colours at places of shape (n, m, 2), between pixels too; shape (n, m, 3)."""
        x, y = (places[..., axis].astype(np.float32) for axis in (0, 1))
        return np.asarray(cv2.remap(self.lab, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    def around(self, place: NDArray[np.float64], reach: float) -> Values:
        """The colours in the square that reaches so far (in widths) from a place; shape (9, 9, 3)."""
        steps = np.linspace(-reach, reach, 9)
        right, up = np.meshgrid(steps, steps)
        return self.at(place + right[..., None] * self.across + up[..., None] * self.up)

    def softened(self, reach: float) -> Values:
        """L after a Gaussian blur whose standard deviation is `reach` widths of the face; shape (h, w)."""
        return np.asarray(cv2.GaussianBlur(self.lightness, (0, 0), max(reach * self.width, 0.1)))


def patch_of(pixels: Pixels, face: Face) -> Patch:
    """The face of a picture of shape (H, W, 3), cut out and scaled; its part beyond the edge is left out."""
    height, width = pixels.shape[:2]
    margin = _MARGIN * face.width
    left, top, right, bottom = face.box
    x, y = (
        round(min(max(value - margin, 0.0), limit - 1)) for value, limit in ((left, width), (top, height))
    )
    cut = pixels[y : max(y + 1, round(bottom + margin)), x : max(x + 1, round(right + margin))]
    scale = min(1.0, _WIDTH / max(face.width, 1.0))
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    small = cut if scale == 1.0 else cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(np.asarray(small, np.float32) / 255, cv2.COLOR_RGB2LAB)
    shown = face.moved(scale, x, y)
    return Patch(np.asarray(lab), shown.points[:, :2], shown.width)
