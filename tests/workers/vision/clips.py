"""Clips whose motion is known: a portrait that moves, grows and rolls over a background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared_schema.frames import write_frames
from vision_worker.face import Face
from vision_worker.images import Pixels

__all__ = ["HEIGHT", "WIDTH", "Actor", "Stand", "background", "hopper", "off", "stage", "write_clip"]

WIDTH, HEIGHT = 640, 360


@dataclass(frozen=True)
class Stand:
    """Where an actor is in a frame: the middle of the face in pixels, its size, its roll in degrees."""

    x: float
    y: float
    scale: float = 1.0
    roll: float = 0.0


@dataclass(frozen=True)
class Actor:
    """A photo of a person, the face found in it, and the part of the photo that is shown (pixels)."""

    pixels: Pixels
    face: Face

    def matrix(self, stand: Stand) -> NDArray[np.float64]:
        """From pixels of the photo to those of the frame, (2, 3)."""
        angle = np.radians(stand.roll)
        c, s = stand.scale * np.cos(angle), stand.scale * np.sin(angle)
        x, y = self.face.centre
        return np.array([[c, -s, stand.x - c * x + s * y], [s, c, stand.y - s * x - c * y]])

    def points(self, stand: Stand) -> NDArray[np.float64]:
        """Where the face's points (478, 2) are, in pixels of the frame."""
        matrix = self.matrix(stand)
        return np.asarray(self.face.points[:, :2] @ matrix[:, :2].T + matrix[:, 2])

    def enter(self, frame: Pixels, stand: Stand, reach: float = 1.0) -> None:
        """Paint the actor into a frame: an ellipse of the photo, `reach` face heights around the face."""
        left, top, right, bottom = self.face.box
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        middle = round((left + right) / 2), round((top + bottom) / 2)
        axes = round((right - left) * (0.5 + 0.35 * reach)), round((bottom - top) * (0.5 + 0.35 * reach))
        cv2.ellipse(mask, middle, axes, 0, 0, 360, (255,), -1)
        size = frame.shape[1], frame.shape[0]
        matrix = self.matrix(stand)
        shown = cv2.warpAffine(self.pixels, matrix, size, flags=cv2.INTER_CUBIC)
        share = cv2.warpAffine(mask, matrix, size)[..., None].astype(np.float32) / 255
        frame[:] = np.round(share * shown + (1 - share) * frame)


def hopper() -> Pixels:
    """Grace Hopper (US Navy, public domain), from matplotlib's sample data."""
    path = Path(mpl.get_data_path()) / "sample_data/grace_hopper.jpg"
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def background(seed: int = 3) -> Pixels:
    """Coloured clouds, (360, 640, 3)."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def stage(
    frames: Iterable[Sequence[tuple[Actor, Stand]]], *, behind: Pixels, noise: float = 3.0, seed: int = 1
) -> Iterator[Pixels]:
    """The frames in which these actors stand so, the nearest last, with a camera's noise (grey levels)."""
    random = np.random.default_rng(seed)
    for actors in frames:
        frame = behind.copy()
        for actor, stand in actors:
            actor.enter(frame, stand)
        noisy = frame + random.normal(0, noise, frame.shape).astype(np.float32)
        yield np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def write_clip(path: Path, frames: Iterable[Pixels]) -> Path:
    """Write a batch of frames."""
    write_frames(path, (frame.tobytes() for frame in frames), HEIGHT, WIDTH)
    return path


def off(points: NDArray[Any], truth: NDArray[np.float64]) -> float:
    """How far points (478, 3) are from where they should be (478, 2): root mean square, in face widths."""
    width = float(np.linalg.norm(truth[454] - truth[234]))
    return float(np.sqrt(((points[:, :2] - truth) ** 2).sum(axis=1).mean())) / width
