"""Spoils a good picture of a face, in one way each: turned, covered, eyes closed, blurred, badly lit, ..."""

from __future__ import annotations

from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vision_worker.contours import OVAL
from vision_worker.face import Face
from vision_worker.images import Pixels

Floats = NDArray[np.float64]

_LIDS = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
_JAW = OVAL[10:27]


def hopper() -> Pixels:
    """Grace Hopper, lips closed, glasses (US Navy, public domain), 512 x 600; it comes with matplotlib."""
    with Image.open(Path(mpl.get_data_path(), "sample_data", "grace_hopper.jpg")) as image:
        return np.asarray(image.convert("RGB"))


def painted(pixels: Pixels, outline: Floats, colours: Floats, softness: float) -> Pixels:
    """With a soft-edged shape of these colours (3,) or (H, W, 3) in front."""
    mask = np.zeros(pixels.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], (1.0,))
    share = cv2.GaussianBlur(mask, (0, 0), max(softness, 0.1))[..., None]
    return np.clip(pixels * (1 - share) + colours * share, 0, 255).astype(np.uint8)


def skin(pixels: Pixels, face: Face) -> Floats:
    """The colour of the cheeks."""
    places = face.points[[50, 280, 205, 425], :2].astype(int)
    return np.asarray(np.median([pixels[y, x] for x, y in places], axis=0))


def masked(pixels: Pixels, face: Face, colour: Floats) -> Pixels:
    """With a plain mask from the nose to the chin, a little shaded towards its sides."""
    points, width = face.points[:, :2], face.width
    jaw = points[152] + 1.03 * (points[list(_JAW)] - points[152])
    top = np.array([points[132], 0.4 * points[6] + 0.6 * points[4], points[361]])
    across = np.abs(np.arange(pixels.shape[1]) - face.centre[0]) / width
    shaded = colour - 60 * across[None, :, None] ** 2 * np.ones((*pixels.shape[:2], 1))
    return painted(pixels, np.concatenate([jaw, top]), shaded, 0.01 * width)


def fist_before(pixels: Pixels, face: Face) -> Pixels:
    """With a round, skin-coloured, grainy thing before the mouth."""
    turn = np.linspace(0, 2 * np.pi, 40)
    middle, width = face.points[[13, 14], :2].mean(axis=0), face.width
    outline = middle + width * np.stack([0.34 * np.cos(turn), 0.2 * np.sin(turn)], axis=1)
    grain = np.random.default_rng(3).normal(0, 1, pixels.shape[:2]).astype(np.float32)
    grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.012 * width), np.float32)
    colours = 0.95 * skin(pixels, face) + 4 * (grain / grain.std())[..., None]
    return painted(pixels, outline, colours, 0.015 * width)


def bearded(pixels: Pixels, face: Face, colour: Floats) -> Pixels:
    """With a beard on chin, cheeks and upper lip; the lips stay free."""
    points, width = face.points[:, :2], face.width
    hairs = np.random.default_rng(5).normal(0, 1, pixels.shape[:2]).astype(np.float32)
    combed = cv2.GaussianBlur(hairs, (0, 0), sigmaX=0.005 * width + 0.4, sigmaY=0.02 * width + 0.5)
    outline = points[[*_JAW, 206, 2, 426]]
    full = painted(pixels, outline, colour + 15 * (combed / np.std(combed))[..., None], 0.03 * width)
    lips = points[[61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]]
    return painted(full, lips, pixels.astype(float), 0.012 * width)


def turned(pixels: Pixels, face: Face, degrees: float) -> Pixels:
    """With the head, taken for a cylinder, turned to the picture's right."""
    radius, middle = 0.62 * face.width, face.centre[0]
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in pixels.shape[1::-1]))
    place = (x - middle) / radius
    angle = np.arcsin(np.clip(place, -1, 1)) - np.radians(degrees)
    source = np.where(np.abs(place) < 1, middle + radius * np.sin(np.clip(angle, -np.pi / 2, np.pi / 2)), x)
    return np.asarray(cv2.remap(pixels, source.astype(np.float32), y, cv2.INTER_CUBIC), np.uint8)


def eyes_closed(pixels: Pixels, face: Face) -> Pixels:
    """With the skin above each eye stretched down over it, and a dark line where the lids meet."""
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in pixels.shape[1::-1]))
    source, reach = y.copy(), 0.09 * face.width
    for upper, lower in _LIDS:
        columns = range(*(int(value) for value in np.sort(face.points[[upper[0], upper[-1]], 0])))
        edges = [
            face.points[np.array(lid)[np.argsort(face.points[list(lid), 0])], :2] for lid in (upper, lower)
        ]
        for column in columns:
            top, bottom = (float(np.interp(column, edge[:, 0], edge[:, 1])) for edge in edges)
            rows = np.arange(int(top - reach), int(bottom) + 1)
            source[rows, column] = (top - reach) + (rows - top + reach) * reach / (bottom - top + reach)
    closed = np.asarray(cv2.remap(pixels, x, source, cv2.INTER_LINEAR), np.uint8)
    for _, lower in _LIDS:
        line = np.rint(16 * face.points[list(lower), :2]).astype(np.int32)
        cv2.polylines(closed, [line], False, (50, 35, 30), max(1, round(0.012 * face.width)), cv2.LINE_AA, 4)
    return closed


def mouth_opened(pixels: Pixels, face: Face, gap: float) -> Pixels:
    """With the jaw let down until the lips are so many widths of the face apart, darkness between them."""
    middle = face.points[[13, 14], :2].mean(axis=0)
    half = 0.4 * float(np.linalg.norm(face.points[61] - face.points[291]))
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in pixels.shape[1::-1]))
    depth = gap * face.width * np.exp(-(((x - middle[0]) / half) ** 2))
    below = y - middle[1]
    fading = np.exp(-(np.clip((below - depth) / (0.5 * face.width), 0, None) ** 2))
    source = (y - np.clip(below, 0, depth) * fading).astype(np.float32)
    lowered = np.asarray(cv2.remap(pixels, x, source, cv2.INTER_CUBIC), np.uint8)
    hole = ((below > 0) & (below < depth) & (depth > 0.3 * gap * face.width)).astype(np.float32)
    share = cv2.GaussianBlur(hole, (0, 0), 0.008 * face.width + 0.4)[..., None]
    return np.asarray(np.clip(lowered * (1 - share) + np.array([60.0, 25, 25]) * share, 0, 255), np.uint8)


def blurred(pixels: Pixels, face: Face, share: float) -> Pixels:
    """Blurred by a Gaussian whose standard deviation is this share of the face's width; 0 leaves it."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), share * face.width), np.uint8) if share else pixels


def lit(pixels: Pixels, strength: float) -> Pixels:
    """With all values multiplied."""
    return np.clip(pixels * float(strength), 0, 255).astype(np.uint8)


def lit_from_the_right(pixels: Pixels, face: Face, slope: float) -> Pixels:
    """Brighter on the picture's right by this share, darker on its left."""
    place = (np.arange(pixels.shape[1]) - face.centre[0]) / (0.4 * face.width)
    return np.asarray(np.clip(pixels * (1 + slope * np.tanh(place))[None, :, None], 0, 255), np.uint8)


def scaled(pixels: Pixels, factor: float) -> Pixels:
    """Smaller by area, larger by cubics."""
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how), np.uint8)


def grey(pixels: Pixels) -> Pixels:
    """Without colour."""
    return np.asarray(np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2), np.uint8)


def landscape() -> Pixels:
    """Hills below a sky, 600 x 400: no face."""
    drawn = np.zeros((400, 600, 3), np.uint8)
    drawn[:] = (150, 190, 230)
    x = np.arange(0, 601, 20)
    for base, colour in ((220, (110, 140, 90)), (280, (80, 120, 60)), (340, (50, 90, 40))):
        ridge = np.stack([x, base + 30 * np.sin(x / 70 + base)], axis=1)
        cv2.fillPoly(drawn, [np.rint([*ridge, (600, 400), (0, 400)]).astype(np.int32)], colour)
    return drawn
