"""Finds the faces of a picture, with MediaPipe's networks (`vision_worker.networks`).

    whole picture ──short range──┐
    whole picture ──full range───┼──> boxes ──window around each──> face mesh ──> 478 points each
    tiles, ever smaller ─────────┘

The full-range detector sees faces down to a sixteenth of its window, and misses some that fill it; the
short-range one sees those. A box counts only where the mesh network finds a face in it, and the same face
again in windows of other sizes: what it sees in gravel or print moves with the window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from vision_worker.face import Box, Face
from vision_worker.images import Pixels, read_photo
from vision_worker.native_log import start_up_chatter_to_log
from vision_worker.networks import Detection, Networks, start_networks
from vision_worker.samples import PORTRAIT
from vision_worker.windows import Window, around, look, tiles, whole

__all__ = ["MIN_RELATIVE_WIDTH", "MIN_WIDTH", "FaceFinder"]

MIN_WIDTH: Final = 64.0
"""Narrowest face that can be animated, in pixels from temple to temple."""

MIN_RELATIVE_WIDTH: Final = 0.25
"""A face narrower than this share of the widest is background, and is not looked for."""

_NOTICED: Final = 32.0
"""Where no face is large enough, faces down to this width are looked for, to be able to say so."""

_SMALLEST_SHARE: Final = 1 / 16
_DETECTOR_INPUT: Final = 384
_MESH_INPUT: Final = 512
_LEAST_INPUT: Final = 256
_MESH_WINDOW: Final = 2.2
"""Side of the window that the mesh is measured in, in widths of the detected box."""

_CHECK_WINDOWS: Final = (2.0, 2.6)
_AGREEMENT: Final = 0.03
"""How far, in face widths, the points may stray between windows (root mean square). On some 60 photos of
faces, turned by up to 35 degrees, none strayed 0.015; what was seen in gravel, print and machines strayed
more than 0.03, or vanished. A face's quality is the share of this that it did not stray. On two portraits,
blurred (a Gaussian's standard deviation, in face widths): 0.72 to 0.86 from sharp to 0.03, 0.14 to 0.67 from
0.04 to 0.05, and beyond that none was found; 0.4 with two fifths covered from the side, 0.2 with three fifths
covered from below.
"""

Tick = Callable[[int, int], None]
Detector = Callable[[Pixels], list[Detection]]


class _Sighting(NamedTuple):
    score: float
    box: Box


class FaceFinder:
    """Face networks, started: some two seconds, most of them the import. Those given are closed with it."""

    def __init__(self, networks: Networks | None = None) -> None:
        with start_up_chatter_to_log():
            self._networks = networks or start_networks()
            # A network starts, and chatters, with the first picture that has work for it: give it one now.
            self.find(read_photo(PORTRAIT).pixels)

    def close(self) -> None:
        """Free the networks."""
        self._networks.close()

    def find(
        self, pixels: Pixels, tick: Tick = lambda _done, _total: None, *, thorough: bool = True
    ) -> list[Face]:
        """The faces of a picture (H, W, 3), left to right; `tick(done, total)` is called between windows.

        Faces narrower than `MIN_RELATIVE_WIDTH` of the widest may be missing; so may those below 32 pixels,
        and unless `thorough` those below a sixteenth of the picture, which is then looked at as a whole only.
        """
        height, width = pixels.shape[:2]
        seen = self._detect(self._networks.near, pixels, whole(width, height, 0.25))
        seen += self._detect(self._networks.far, pixels, whole(width, height, 0.125))
        faces = self._measured(pixels, seen, [])
        side = 1.25 * max(width, height)
        while thorough and side * _SMALLEST_SHARE > _wanted(faces):
            side /= 2
            windows = list(tiles(width, height, round(side)))
            seen = []
            for done, window in enumerate(windows):
                tick(done, len(windows))
                seen += self._detect(self._networks.far, pixels, window)
            faces = self._measured(pixels, seen, faces)
        return sorted(faces, key=lambda face: face.centre)

    def measure(self, pixels: Pixels, box: Box) -> Face | None:
        """The face at this box, the mean of three measurements; None where they do not agree on one."""
        first = self._mesh_in(pixels, box, _MESH_WINDOW)
        if first is None:
            return None
        measured, strayed = [first], 0.0
        for share in _CHECK_WINDOWS:
            again = self._mesh_in(pixels, first.box, share)
            if again is None or _distance(first, again) > _AGREEMENT * first.width:
                return None
            measured.append(again)
            strayed = max(strayed, _distance(first, again) / first.width)
        points = np.mean([face.points for face in measured], axis=0)
        return Face(points, max(0.0, 1 - strayed / _AGREEMENT))

    def near(self, pixels: Pixels, box: Box) -> list[Face]:
        """The faces in the neighbourhood of a box, each measured once; for videos, hence quicker than `find`.

        The window is shown at a whole fraction of its size: scaling to that takes a third of the time.
        """
        left, top, right, bottom = box
        side = _MESH_WINDOW * max(right - left, bottom - top)
        fraction = max(1, round(side / _MESH_INPUT))
        window = around((left + right) / 2, (top + bottom) / 2, fraction * round(side / fraction))
        return self._meshes(pixels, window, max(_LEAST_INPUT, window.side // fraction))

    def _detect(self, detector: Detector, pixels: Pixels, window: Window) -> list[_Sighting]:
        found = detector(look(pixels, window, _DETECTOR_INPUT))
        return [_Sighting(one.score, _placed(one, window)) for one in found]

    def _measured(self, pixels: Pixels, seen: list[_Sighting], known: list[Face]) -> list[Face]:
        """`known` and the faces at these boxes, each once."""
        faces = list(known)
        for sighting in sorted(seen, reverse=True):
            if any(_same(sighting.box, face.box) for face in faces):
                continue
            face = self.measure(pixels, sighting.box)
            if face is not None and not any(_same(face.box, other.box) for other in faces):
                faces.append(face)
        return faces

    def _mesh_in(self, pixels: Pixels, box: Box, share: float) -> Face | None:
        """The mesh of the face at this box, seen in a window of `share` box sizes."""
        left, top, right, bottom = box
        window = around((left + right) / 2, (top + bottom) / 2, share * max(right - left, bottom - top))
        found = self._meshes(pixels, window, _MESH_INPUT)
        return next((face for face in found if _same(face.box, box)), None)

    def _meshes(self, pixels: Pixels, window: Window, size: int) -> list[Face]:
        found = self._networks.meshes(look(pixels, window, size))
        return [Face(points * window.side + np.array([window.left, window.top, 0.0])) for points in found]


def _wanted(faces: list[Face]) -> float:
    """The narrowest face that is still worth looking for, in pixels."""
    widest = max((face.width for face in faces), default=0.0)
    return _NOTICED if widest < MIN_WIDTH else max(MIN_WIDTH, MIN_RELATIVE_WIDTH * widest)


def _distance(one: Face, other: Face) -> float:
    """Root mean square distance between the points of two meshes, in pixels."""
    return float(np.sqrt(((one.points - other.points)[:, :2] ** 2).sum(axis=1).mean()))


def _placed(found: Detection, window: Window) -> Box:
    left, top = window.left + found.left * window.side, window.top + found.top * window.side
    return left, top, left + found.width * window.side, top + found.height * window.side


def _same(one: Box, other: Box) -> bool:
    """Whether two boxes are of one face: the middle of either lies within the other."""
    return _holds_middle(one, other) and _holds_middle(other, one)


def _holds_middle(one: Box, other: Box) -> bool:
    x, y = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return one[0] <= x <= one[2] and one[1] <= y <= one[3]
