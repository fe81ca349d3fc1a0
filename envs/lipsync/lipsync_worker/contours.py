"""The edges of the lips, found in the photo itself: landmarks are a few pixels off, and pixels of teeth
that move with a lip look like torn paper.

Closed lips part at the darkest place: each column across the mouth is searched along the face's down axis.
Parted lips are cut a little into the lip, past the pixels that mix lip and teeth.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.warp import sampled
from shared_schema.mesh import LOWER_RINGS, UPPER_RINGS

__all__ = ["edge_cut", "refine"]

PARTED = 0.007  # face units: lips further apart are parted
REACH = 0.014  # how far the dark line may be from its landmarks, face units
MARGIN, BLUR = (
    0.006,
    1.5,
)  # face units by which landmarks are off, and pixels over which a photo mixes colours
STEP = 0.001
COLUMNS = range(1, 10)


def refine(frame: FaceFrame, photo: Floats) -> FaceFrame:
    """The same face with the inner edges of its lips moved to where the BGR `photo` (h, w, 3) shows them."""
    lab = floats(cv2.cvtColor(floats(cv2.GaussianBlur(photo, (0, 0), 0.7)) / 255, cv2.COLOR_BGR2Lab))
    gap = float(frame.local[14, 1] - frame.local[13, 1])
    shifts = _parted(frame) if gap > PARTED else _closed(frame, lab)
    points = frame.points.copy()
    down = frame.axes[1] * frame.unit
    for rings, moves in zip((UPPER_RINGS, LOWER_RINGS), shifts, strict=True):
        points[list(rings[3])] += moves[:, None] * down
        points[list(rings[2])] += 0.6 * moves[:, None] * down
        points[list(rings[1])] += 0.2 * moves[:, None] * down
    local = (points - frame.origin) @ frame.axes.T / frame.unit
    return replace(frame, points=points, local=local.astype(np.float32))


def edge_cut(frame: FaceFrame) -> float:
    """How far into the lip, face units, the edge of parted lips is cut."""
    return MARGIN + BLUR / frame.unit


def _parted(frame: FaceFrame) -> tuple[Floats, Floats]:
    """Shifts (11,) of the upper and the lower edge into the lip, face units along the down axis."""
    taper = 1 - np.square(np.linspace(-1, 1, 11, dtype=np.float32)) ** 2
    cut = edge_cut(frame) * taper
    return -cut, cut


def _closed(frame: FaceFrame, lab: Floats) -> tuple[Floats, Floats]:
    """As `_parted`, with both edges moved to the one dark line between the lips."""
    shifts = np.zeros((2, 11), np.float32)
    places = np.arange(-REACH, REACH + STEP, STEP)
    for column in COLUMNS:
        upper, lower = frame.points[UPPER_RINGS[3][column]], frame.points[LOWER_RINGS[3][column]]
        half = float((lower - upper) @ frame.axes[1]) / frame.unit / 2
        light = _colours(frame, lab, (upper + lower) / 2, places)[:, 0] + 150 * np.abs(places)
        darkest = float(places[int(np.argmin(light))])
        shifts[0, column], shifts[1, column] = darkest + half, darkest - half
    return _calm(shifts[0]), _calm(shifts[1])


def _colours(frame: FaceFrame, lab: Floats, place: Floats, along: Floats) -> Floats:
    """Colours (n, 3) at steps `along` (n,) from a place, face units down the face."""
    line = place[:2] + along[:, None] * frame.axes[1, :2] * frame.unit
    return floats(sampled(lab, floats(line[None]))[0])


def _calm(shifts: Floats) -> Floats:
    """Without the odd column that found something else: a median, then a mean, over three columns."""
    padded = np.pad(shifts, 1, mode="edge")
    middle = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    middle[[0, -1]] = 0
    mean = np.convolve(np.pad(middle, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    mean[[0, -1]] = 0
    return mean.astype(np.float32)
