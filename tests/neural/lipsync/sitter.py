"""The sample portrait as MuseTalk is shown it, and what has become of it in a finished video."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np

from lipsync_worker.arrays import Picture, picture
from lipsync_worker.face_box import Box, musetalk_box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.masks import mask_of
from lipsync_worker.paste import crop_box
from shared_schema.mesh import LOWER_RINGS, UPPER_RINGS
from shared_schema.records import read_face
from shared_schema.stages import Mask
from tests.pipeline.metrics import Opening
from tests.workers.lipsync.conftest import FACE, PORTRAIT

__all__ = ["Sitter"]


@dataclass(frozen=True)
class Sitter:
    """The photo, BGR; the face's box; how much of each pixel (h, w) is replaced; the box of the lips."""

    photo: Picture
    box: Box
    mask: Picture
    lips: Box

    @classmethod
    def of_sample(cls) -> Self:
        loaded = cv2.imread(str(PORTRAIT))
        assert loaded is not None
        photo = picture(loaded)
        whole = Box(0, 0, photo.shape[1], photo.shape[0])
        points = FaceFrame.of(read_face(FACE)).points
        box = musetalk_box(points, (whole.right, whole.bottom), "v1.5")
        crop = crop_box(box)
        seen = crop.overlap(whole)
        mask = np.zeros(photo.shape[:2], np.uint8)
        seen.of(mask)[:] = seen.seen_from(crop).of(mask_of(Mask.LANDMARKS, points, box, crop))
        rings = points[[*UPPER_RINGS[0], *LOWER_RINGS[0]], :2].astype(int)
        return cls(photo, box, mask, Box(*rings.min(0).tolist(), *rings.max(0).tolist()))

    def difference(self, frame: Picture) -> float:
        """By how many levels at most any channel differs from the photo where the face was replaced.

        Both are compared as soft as 32 pixels for a face make them.
        """
        soft = self.box.width / 32
        first, second = (
            cv2.GaussianBlur(each.astype(np.float32), (0, 0), soft) for each in (frame, self.photo)
        )
        return float(np.abs(first - second)[self.mask == 255].max())

    def darkness(self, video: Path, rate: Fraction) -> Opening:
        """How dark the lips are in each frame of a video, as if that were how far they are open."""
        with av.open(str(video), "r") as container:
            assert container.streams.video[0].average_rate == rate
            grey = (picture(frame.to_ndarray(format="gray")) for frame in container.decode(video=0))
            dark = np.array([255 - self.lips.of(each).mean() for each in grey])
        return Opening(dark, dark, float(rate))
