"""Colours of the mouth's inside, judged from the photo: its light, its lips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.face_frame import FaceFrame
from shared_schema.mesh import EYES, LOWER_RINGS, UPPER_RINGS

__all__ = ["Palette"]

SKIN = (50, 280, 205, 425, 118, 347)  # cheeks


@dataclass(frozen=True)
class Palette:
    """Colours as float BGR (3,), 0-255."""

    skin: Floats
    lip: Floats
    cavity: Floats
    tongue: Floats
    teeth: Floats

    @classmethod
    def of(cls, frame: FaceFrame, photo: Floats) -> Palette:
        """The palette of a face in a float BGR photo (h, w, 3)."""
        skin = _mean(photo, frame.points[list(SKIN), :2], max(frame.unit * 0.03, 1))
        rings = [UPPER_RINGS[1][3:8], UPPER_RINGS[2][3:8], LOWER_RINGS[1][3:8], LOWER_RINGS[2][3:8]]
        lip = _mean(photo, frame.points[[i for ring in rings for i in ring], :2], max(frame.unit * 0.006, 1))
        light = _whites(frame, photo)
        level = float(np.clip(max(light * 1.1, float(skin.max()) * 0.95), 100, 232))
        red = floats([0.62, 0.60, 1.0])
        cavity = np.minimum(lip * 0.22, level * 0.17) * red + floats([3, 2, 6])
        tongue = floats([0.50, 0.48, 0.80]) * level * 0.72 + 0.22 * lip * red
        cast = (skin / max(float(skin.mean()), 1)) ** 0.22
        teeth = floats([0.86, 0.95, 0.98]) * level * cast
        return cls(skin, lip, cavity.astype(np.float32), tongue.astype(np.float32), np.minimum(teeth, 245))


def _mean(photo: Floats, places: Floats, radius: float) -> Floats:
    """Median colour of small squares around places (N, 2)."""
    size = max(int(radius), 1)
    height, width = photo.shape[:2]
    found = []
    for x, y in np.round(places).astype(int):
        if 0 <= x < width and 0 <= y < height:
            found.append(
                photo[max(y - size, 0) : y + size + 1, max(x - size, 0) : x + size + 1].reshape(-1, 3)
            )
    if not found:
        return floats([120, 130, 170])
    return np.asarray(np.median(np.concatenate(found), axis=0), np.float32)


def _whites(frame: FaceFrame, photo: Floats) -> float:
    """How bright the whites of the eyes are, 0-255."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    for upper, lower in EYES:
        outline = frame.points[[*upper, *lower[::-1]], :2]
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    inside = photo[mask > 0]
    return float(np.percentile(inside.mean(1), 85)) if len(inside) else 0.0
