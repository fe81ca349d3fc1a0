"""One frame of the video from one pose: photo, moved lips, mouth's inside, eyes, head."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync_worker.face_frame import FaceFrame, Floats
from lipsync_worker.lips import Lips
from lipsync_worker.mouth import MouthInterior
from lipsync_worker.regions import MouthRegion

__all__ = ["MouthLayer"]

Picture = NDArray[np.uint8]
STILL = np.float32([[1, 0, 0], [0, 1, 0]])


class MouthLayer:
    """Paints the moved mouth of one photo onto frames."""

    def __init__(self, frame: FaceFrame, photo: Picture, source: Picture) -> None:
        """`photo` (h, w, 3) BGR; `source` the same at twice the size, from which pixels are taken."""
        height, width = photo.shape[:2]
        self.frame, self.source = frame, source
        self.lips = Lips(frame)
        self.region = MouthRegion.of(frame, self.lips, (width, height))
        self.inside = MouthInterior(frame, self.lips, photo.astype(np.float32))
        self.size = (width, height)
        grid = self.region.grid
        self.nodes = grid.nodes()
        self.pixels = grid.pixels()
        self.right = min(grid.left + grid.width, width)
        self.bottom = min(grid.top + grid.height, height)

    def paint(self, canvas: Picture, pose: Floats, sway: Floats = STILL) -> None:
        """Put the mouth of this pose onto `canvas`, the photo already moved by `sway` (2, 3)."""
        motion = self.lips.motion(pose)
        offsets = self.frame.offsets(motion)
        targets = _undo(sway, self.nodes)
        layers = [self._layer(which, offsets, targets) for which in (0, 1)]
        curves = self._curves(offsets, sway)
        merged = self._merge(layers, curves)
        self._fill(merged, curves, pose, sway)
        grid = self.region.grid
        part = merged[: self.bottom - grid.top, : self.right - grid.left]
        canvas[grid.top : self.bottom, grid.left : self.right] = part

    def _layer(self, which: int, offsets: Floats, targets: Floats) -> Picture:
        grid = self.region.grid
        source = grid.invert(self.region.field(which, offsets), targets)
        maps = (grid.upsample(source - self.nodes) + self.pixels) * 2
        return cv2.remap(self.source, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _curves(self, offsets: Floats, sway: Floats) -> list[Floats]:
        """The moved inner edges of upper and lower lip, pixels within the region."""
        curves = []
        for layer in (0, 1):
            rows = slice(layer * 44 + 33, layer * 44 + 44)
            places = self.frame.points[self.lips.indices[rows], :2] + offsets[rows]
            places = places @ sway[:, :2].T + sway[:, 2]
            places = places - np.float32([self.region.grid.left, self.region.grid.top])
            curves.append(_smooth(places))
        return curves

    def _merge(self, layers: list[Picture], curves: list[Floats]) -> Picture:
        grid = self.region.grid
        middle = (curves[0] + curves[1]) / 2
        axis = self.frame.axes[0, :2] * self.frame.unit
        outline = np.concatenate([[middle[0] - axis], middle, [middle[-1] + axis]])
        down = self.frame.axes[1, :2] * self.frame.unit * 1.5
        outline = np.concatenate([outline, outline[::-1][[0, -1]] + down])
        mask = np.zeros((grid.height, grid.width), np.uint8)
        _polygon(mask, outline)
        weight = cv2.blur(mask, (3, 3)).astype(np.float32) / 255
        return cv2.blendLinear(layers[1], layers[0], weight, 1 - weight)

    def _fill(self, merged: Picture, curves: list[Floats], pose: Floats, sway: Floats) -> None:
        grid = self.region.grid
        outline = np.concatenate([curves[0], curves[1][::-1]])
        low = np.maximum(np.floor(outline.min(0)).astype(int) - 3, 0)
        high = np.minimum(np.ceil(outline.max(0)).astype(int) + 4, [grid.width, grid.height])
        box = (int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
        if min(box[2:]) <= 0:
            return
        mask = np.zeros((box[3], box[2]), np.uint8)
        _polygon(mask, outline - low)
        opening = cv2.blur(mask, (3, 3)).astype(np.float32) / 255
        place = (box[0] + grid.left, box[1] + grid.top, box[2], box[3])
        inside = self.inside.paint(pose, place, sway, opening)
        part = merged[low[1] : high[1], low[0] : high[0]]
        part[:] = np.clip(part + (inside - part) * opening[..., None] + 0.5, 0, 255).astype(np.uint8)


def _undo(motion: Floats, places: Floats) -> Floats:
    """Where `places` (..., 2) were before an affine motion (2, 3)."""
    inverse = cv2.invertAffineTransform(motion)
    return (places @ inverse[:, :2].T + inverse[:, 2]).astype(np.float32)


def _polygon(mask: Picture, outline: Floats) -> None:
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)


def _smooth(points: Floats) -> Floats:
    """Eleven points as a smooth curve of forty-one (Catmull-Rom)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.float32([0, 0.25, 0.5, 0.75])[:, None]
    pieces = []
    for i in range(len(points) - 1):
        a, b, c, d = padded[i : i + 4]
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*pieces, points[-1:]]).astype(np.float32)


def doubled(photo: Picture) -> Picture:
    """The photo at twice its size, every second pixel as it was: sampling it bilinearly blurs little."""
    height, width = photo.shape[:2]
    matrix = np.float32([[2, 0, 0], [0, 2, 0]])
    return cv2.warpAffine(
        photo, matrix, (2 * width, 2 * height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


class Compositor:
    """Makes the frames of one video."""

    def __init__(self, frame, photo, params, rate, seed) -> None:
        height, width = photo.shape[:2]
        photo = cv2.copyMakeBorder(photo, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        self.photo = photo
        self.shape = photo.shape[:2]
        self.mouth = MouthLayer(frame, photo, doubled(photo))
        self.canvas = photo.copy()

    def frame(self, pose, number):
        self.canvas[:] = self.photo
        self.mouth.paint(self.canvas, pose)
        return self.canvas
