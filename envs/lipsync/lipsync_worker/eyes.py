"""Lids and brows of one eye: the upper lid slides down over the eyeball, the lower comes up a little, they
meet.

The eyeball stays where it is; what covers it is the lid's own skin, stretched as lids are, with its lashes.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, Picture, floats
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.landmarks import BROWS, LID_FOLDS
from lipsync_worker.slit import Curves, Slit, opening, smooth
from lipsync_worker.warp import Grid, interpolation, sampled, smoothstep
from shared_schema.mesh import EYES

__all__ = ["Eye"]

LOWER_RISE = 0.12  # of the eye's opening: how far the lower lid comes up
LASHES = 0.05  # of the opening, below the landmarks of the upper lid: its lashes go with it
LASH_BAND = 0.012  # face units above the edge of the lid that move with it unstretched
FOLD = 0.30  # of the lid's way: the fold above it
CHEEK = 0.35  # of the lower lid's way: the skin below it
BROW_RISE = 0.020  # face units
BROW_DEAD = 0.08
CONTOUR = 9


class Eye:
    """Paints one eye of one photo. `which` is 0 for the subject's right eye, 1 for the left."""

    def __init__(self, frame: FaceFrame, source: Picture, which: int) -> None:
        """`source` is the photo at twice its size."""
        upper, lower = (frame.points[list(edge), :2] for edge in EYES[which])
        folds = [frame.points[list(fold), :2] for fold in LID_FOLDS[which]]
        brows = [frame.points[list(edge), :2] for edge in BROWS[which]]
        gap = lower - upper
        taper = np.sin(np.linspace(0, np.pi, CONTOUR, dtype=np.float32))[:, None]
        upper = upper + LASHES * taper * gap
        gap = lower - upper
        self._edges = (upper, lower)
        self._ways = ((1 - LOWER_RISE) * gap, -LOWER_RISE * gap)
        self._frame = frame
        self._lift = frame.offsets(floats([[0, -BROW_RISE, 0]]))[0]
        size = (source.shape[1] // 2, source.shape[0] // 2)
        points = np.concatenate([upper, lower, *folds, *brows])
        grid = self._grid(points, size)
        self._counts = (len(folds[0]), len(folds[1]), len(brows[0]) + len(brows[1]))
        layers = self._layers(grid, folds, np.concatenate(brows))
        self.slit = Slit(grid, layers, source)
        self._right = min(grid.left + grid.width, size[0])
        self._bottom = min(grid.top + grid.height, size[1])
        self._lash = self._lash_colour(source)
        self._lid = self._lid_colours(source, folds, brows[1])
        self._open_edge = smooth(self._edges[0])

    @property
    def grid(self) -> Grid:
        """The rectangle that this eye paints."""
        return self.slit.grid

    def _grid(self, points: Floats, size: tuple[int, int]) -> Grid:
        unit = self._frame.unit
        box = np.stack([points.min(0) - 0.10 * unit, points.max(0) + 0.10 * unit])
        return Grid.covering(box, size, max(round(unit / 100), 1))

    def _layers(self, grid: Grid, folds: list[Floats], brows: Floats) -> tuple[Floats, Floats]:
        """From the motion of upper edge, lower edge, upper fold, lower fold, brows to the two fields."""
        flat = self._frame.flat
        upper, lower, fold, cheek, brow = (flat(p) for p in (*self._edges, *folds, brows))
        places = flat(grid.nodes).reshape(-1, 2)
        low, high = places.min(0), places.max(0)
        edge = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
        corners = floats([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
        border = np.concatenate(
            [a + edge * (b - a) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)]
        )
        margin = np.minimum(places - low, high - places).min(1)
        window = smoothstep(margin, 0.0, 0.045)[:, None]
        count = 2 * CONTOUR + sum(self._counts)
        identity = np.eye(count, dtype=np.float32)
        ups, downs = identity[:CONTOUR], identity[CONTOUR : 2 * CONTOUR]
        rest = identity[2 * CONTOUR :]
        still = np.zeros((len(border), count), np.float32)
        away, lash = floats([0, 0.05]), floats([0, LASH_BAND])
        layers = []
        for own, motion, beyond in ((upper, ups, away), (lower, downs, -away)):
            middle = slice(1, CONTOUR - 1)
            kept = [fold, brow, border] if own is upper else [cheek, brow, border]
            fold_rows, cheek_rows = rest[: len(fold)], rest[len(fold) : len(fold) + len(cheek)]
            brow_rows = rest[len(fold) + len(cheek) :]
            moved = [fold_rows if own is upper else cheek_rows, brow_rows, still]
            band = own[middle] - (lash if own is upper else -lash)
            controls = np.concatenate([own, own[middle] + beyond, band, *kept])
            motions = np.concatenate([motion, motion[middle], motion[middle], *moved])
            layers.append((interpolation(places, controls) @ motions) * window)
        return layers[0], layers[1]

    def paint(self, canvas: Picture, closure: float, brow: float, sway: Floats, targets: Floats) -> None:
        """Put the eye onto `canvas`, on which the open eye already is where `sway` (2, 3) brought it.

        `closure` and `brow` 0 to 1; `targets` (rows, columns, 2): where the grid's points stand in the photo.
        """
        brow = max(brow - BROW_DEAD, 0.0)  # so that most frames need no work here
        if closure <= 0 and brow <= 0:
            return
        offsets = self._offsets(closure, brow)
        curves = self._curves(offsets, sway)
        merged = self.slit.merged(offsets, targets, (curves[0] + curves[1]) / 2)
        grid = self.grid
        place = canvas[grid.top : self._bottom, grid.left : self._right]
        part = merged[: self._bottom - grid.top, : self._right - grid.left]
        self._show_eyeball(part, place, curves)
        if closure > 0:
            opened = self._open_edge @ sway[:, :2].T + sway[:, 2]
            self._draw_lid(part, opened.astype(np.float32), curves[0], closure)
        place[:] = part

    def _offsets(self, closure: float, brow: float) -> Floats:
        upper, lower = self._ways[0] * closure, self._ways[1] * closure
        centre = upper[1:-1]
        fold = floats([FOLD]) * centre[np.linspace(0, len(centre) - 1, self._counts[0]).astype(int)]
        centre = lower[1:-1]
        cheek = floats([CHEEK]) * centre[np.linspace(0, len(centre) - 1, self._counts[1]).astype(int)]
        brows = np.repeat(self._lift[None] * brow + 0.04 * upper[4:5], self._counts[2], axis=0)
        fold = fold + 0.5 * self._lift * brow
        return np.concatenate([upper, lower, fold, cheek, brows]).astype(np.float32)

    def _curves(self, offsets: Floats, sway: Floats) -> Curves:
        moved = []
        for number, edge in enumerate(self._edges):
            place = edge + offsets[number * CONTOUR : (number + 1) * CONTOUR]
            moved.append(smooth((place @ sway[:, :2].T + sway[:, 2]).astype(np.float32)))
        return moved[0], moved[1]

    def _show_eyeball(self, part: Picture, eyeball: Picture, curves: Curves) -> None:
        start = floats([self.grid.left, self.grid.top])
        local = (curves[0] - start, curves[1] - start)
        box, mask = opening(local, (part.shape[1], part.shape[0]))
        if not box[2]:
            return
        left, top, width, height = box
        rows, columns = slice(top, top + height), slice(left, left + width)
        shown = mask[..., None]
        lids = part[rows, columns].astype(np.float32)
        lids += (eyeball[rows, columns] - lids) * shown
        part[rows, columns] = np.clip(lids + 0.5, 0, 255).astype(np.uint8)

    def _draw_lid(self, part: Picture, opened: Floats, edge: Floats, closure: float) -> None:
        """Even out the skin that came down, and draw the lashes along its edge.

        `opened` and `edge` (n, 2): the upper lid's edge with the eye open, and now.
        """
        start = floats([self.grid.left, self.grid.top])
        box, mask = opening((opened - start, edge - start), (part.shape[1], part.shape[0]))
        left, top, width, height = box
        if not width:
            return
        unit = self._frame.unit
        soft = cv2.GaussianBlur(mask, (0, 0), max(0.007 * unit, 0.6)) * np.float32(0.85 * closure)
        across = np.arange(width, dtype=np.float32) + left + start[0]
        order = np.argsort(edge[:, 0])
        share = np.linspace(0, 1, len(edge), dtype=np.float32)[order]
        column = np.interp(across, edge[order, 0], share) * (len(self._lid) - 1)
        skin = np.stack(
            [np.interp(column, np.arange(len(self._lid)), channel) for channel in self._lid.T], axis=-1
        )
        seen = part[top : top + height, left : left + width]
        lid = seen.astype(np.float32)
        lid += (skin[None].astype(np.float32) - lid) * soft[..., None]
        self._draw_lashes(lid, edge - start - floats([left, top]), closure)
        seen[:] = np.clip(lid + 0.5, 0, 255).astype(np.uint8)

    def _draw_lashes(self, lid: Floats, edge: Floats, closure: float) -> None:
        """A soft dark line where the lids meet, as thick as lashes look from a distance."""
        line = np.zeros(lid.shape[:2], np.uint8)
        thick = max(round(self._frame.unit * 0.009), 1)
        points = np.round(edge[2:-2] * 16).astype(np.int32)
        cv2.polylines(
            line, [points], isClosed=False, color=255, thickness=thick, lineType=cv2.LINE_AA, shift=4
        )
        soft = floats(cv2.GaussianBlur(line, (0, 0), max(self._frame.unit * 0.004, 0.5)))
        soft /= max(float(soft.max()), 1.0)
        lid += (self._lash - lid) * (np.float32(0.8 * closure) * soft)[..., None]

    def _lid_colours(self, source: Picture, folds: list[Floats], brow: Floats) -> Floats:
        """The skin of the upper lid from corner to corner, (7, 3): seen between its fold and the brow.

        Where a low brow leaves no skin to see there, it is like the skin below the eye in shade.
        """
        blurred = cv2.GaussianBlur(source, (0, 0), max(0.012 * self._frame.unit * 2, 1.0))
        fold, below = folds
        above = brow[np.round(np.linspace(0, len(brow) - 1, len(fold))).astype(int)]
        lid, cheek = (
            floats(sampled(blurred, places[None] * 2)[0]) for places in (fold + 0.22 * (above - fold), below)
        )
        lid_middle, cheek_middle = np.median(lid[1:-1], axis=0), np.median(cheek[1:-1], axis=0)
        bright = floats(lid_middle.sum() / max(float(cheek_middle.sum()), 1.0))
        own = float(smoothstep(bright, 0.5, 0.8))
        return floats(own * (lid + lid_middle) / 2 + (1 - own) * 0.8 * cheek_middle)

    def _lash_colour(self, source: Picture) -> Floats:
        """The dark of this face's own lashes: what is darkest along the upper lid."""
        seen = floats(sampled(source, smooth(self._edges[0])[None] * 2)[0])
        order = np.argsort(seen.sum(1))
        return floats(seen[order[: max(len(order) // 4, 1)]].mean(0))
