"""A generated face made to look like what is around it: the same colours, the same sharpness.

A network of this kind is given the upper half of the face and should return it as it was. What differs there
is its own fault (the VAE of MuseTalk tints and softens), so the same correction helps the lower half.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, Picture, floats, picture
from lipsync_worker.face_box import Box

__all__ = ["Matcher"]

GAIN = (0.8, 1.25)
OFFSET = 20.0  # levels
SHARPEST = 1.5
MEMORY = 10.0  # frames over which corrections are averaged: 0.4 s at 25 a second, so that nothing flickers
COARSE = 8  # pixels in one for colours: what is merely soft must not pass for a lack of contrast
LEVELS = np.arange(256, dtype=np.float32)


class Matcher:
    """Corrects the faces of one video, in order."""

    def __init__(self, *, sharpen: float) -> None:
        """`sharpen` (0 to 1) is added to the sharpening that is found to be needed."""
        self._sharpen = sharpen
        self._scene: int | None = None
        self._tone = _Mean()
        self._sharpness = _Mean()

    def face(self, generated: Picture, original: Picture, box: Box, *, scene: int) -> Picture:
        """The generated face (s, s, 3) as (box height, box width, 3), corrected after the original (s, s, 3).

        Both BGR. Corrections are averaged over frames of the same `scene`.
        """
        if scene != self._scene:
            self._scene = scene
            self._tone, self._sharpness = _Mean(), _Mean()
        gain, offset = self._tone.with_next(_tone(generated, original))
        table = np.clip(np.rint(LEVELS[:, None] * gain + offset), 0, 255).astype(np.uint8)
        toned = picture(cv2.LUT(generated, table[None]))
        size = (box.width, box.height)
        # A pixel of the network, not less than one of ours. In a box of 660 this takes a third off the error
        # of a soft face; one pixel of ours takes off a twentieth.
        spread = max(1.0, box.width / generated.shape[1])
        needed = _sharpening(_luminance(toned, size), _luminance(original, size), spread)
        amount = float(self._sharpness.with_next(floats(needed))) + self._sharpen
        face = picture(cv2.resize(toned, size, interpolation=cv2.INTER_LINEAR))
        soft = cv2.GaussianBlur(face, (0, 0), spread)
        return picture(cv2.addWeighted(face, 1 + amount, soft, -amount, 0))


class _Mean:
    """An exponential mean over time; the first value counts in full."""

    def __init__(self) -> None:
        self._value: Floats | None = None

    def with_next(self, value: Floats) -> Floats:
        if self._value is None:
            self._value = value
        self._value = floats(self._value + (1 - math.exp(-1 / MEMORY)) * (value - self._value))
        return self._value


def _tone(generated: Picture, original: Picture) -> Floats:
    """Gain and offset (2, 3) of each channel that give the upper half the original's mean and contrast."""
    (mean, spread), (wanted, wanted_spread) = (_colours(face) for face in (generated, original))
    gain = np.clip(wanted_spread / np.maximum(spread, 1), *GAIN)
    return floats(np.stack([gain, np.clip(wanted - gain * mean, -OFFSET, OFFSET)]))


def _colours(face: Picture) -> tuple[Floats, Floats]:
    """Mean and standard deviation (3,) of the upper half's channels, of coarse pixels."""
    height, width = face.shape[0] // 2, face.shape[1]
    size = (max(width // COARSE, 1), max(height // COARSE, 1))
    mean, spread = cv2.meanStdDev(cv2.resize(face[:height], size, interpolation=cv2.INTER_AREA))
    return floats(mean[:, 0]), floats(spread[:, 0])


def _luminance(face: Picture, size: tuple[int, int]) -> Floats:
    """The upper half at the size (width, height) of the whole, in levels."""
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    return floats(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR)[: size[1] // 2])


def _sharpening(soft: Floats, sharp: Floats, spread: float) -> float:
    """How much of its fine detail must be added to `soft` until it has as much as `sharp`.

    Adding `a` times the detail d of a picture makes that d + a * d', where d' is the detail's own detail: a
    square equation in `a`.
    """
    detail = soft - cv2.GaussianBlur(soft, (0, 0), spread)
    finer = detail - cv2.GaussianBlur(detail, (0, 0), spread)
    aim = sharp - cv2.GaussianBlur(sharp, (0, 0), spread)
    missing = float(np.vdot(aim, aim) - np.vdot(detail, detail))
    shared, own = float(np.vdot(detail, finer)), float(np.vdot(finer, finer))
    if missing <= 0 or own <= 0:
        return 0.0
    return min((math.sqrt(shared * shared + own * missing) - shared) / own, SHARPEST)
