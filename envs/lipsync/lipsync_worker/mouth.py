"""What is seen between the lips: cavity, tongue, lower and upper teeth, shaded by the lips.

Upper teeth belong to the skull and stay where they are; lower teeth and tongue go with the jaw. Teeth that
the photo shows are taken from it; others are drawn, their colour after the whites of the eyes and the skin.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.lips import JAW_DROP, Lips
from lipsync_worker.palette import Palette
from lipsync_worker.pose import Param
from lipsync_worker.teeth import Canvas, drawn_teeth, photo_teeth, tongue

__all__ = ["MouthInterior"]


class MouthInterior:
    """Paints the inside of one mouth."""

    def __init__(self, frame: FaceFrame, lips: Lips, photo: Floats) -> None:
        self.frame = frame
        self.canvas = Canvas.of(frame, lips)
        self.palette = Palette.of(frame, photo)
        upper, lower = photo_teeth(self.canvas, lips, frame, photo)
        self.from_photo = upper is not None
        if upper is None:
            upper = drawn_teeth(self.canvas, lips, self.palette, lower=False)
        if lower is None:
            lower = drawn_teeth(self.canvas, lips, self.palette, lower=True)
        self._upper = upper
        self._lower = lower
        self._tongue = tongue(self.canvas, lips, self.palette)

    def paint(self, pose: Floats, box: tuple[int, int, int, int], sway: Floats, mask: Floats) -> Floats:
        """The inside as float (h, w, 3) for a box (left, top, width, height) of the picture.

        `mask` (h, w) is the opening, 0-1; `sway` (2, 3) the head's motion in pixels.
        """
        _, _, width, height = box
        jaw = JAW_DROP * float(pose[Param.JAW])
        image = np.empty((height, width, 3), np.float32)
        image[:] = self.palette.cavity
        lift = 0.055 * float(pose[Param.TONGUE])
        self._over(image, self._tongue, box, sway, 0.45 * jaw - lift)
        self._over(image, self._lower, box, sway, 0.92 * jaw)
        self._over(image, self._upper, box, sway, 0.0)
        image -= self.palette.cavity
        image *= self._light(mask, float(pose[Param.ROUND]))
        return image + self.palette.cavity

    def _over(
        self, image: Floats, sprite: Floats, box: tuple[int, int, int, int], sway: Floats, down: float
    ) -> None:
        matrix = self.canvas.to_picture(self.frame, floats([0, down]), sway)
        matrix[:, 2] -= box[:2]
        placed = cv2.warpAffine(sprite, matrix, (box[2], box[3]), flags=cv2.INTER_LINEAR)
        image *= 1 - placed[..., 3:]
        image += placed[..., :3]

    def _light(self, mask: Floats, pucker: float) -> Floats:
        """What light (h, w, 3) the lips let in: little near the edge of the opening, least under the upper
        lip.

        Lips pushed forward shade what is behind them. What comes through flesh is red.
        """
        size = max(int(0.05 * self.frame.unit) | 1, 3)
        soft = cv2.blur(mask, (size, size), borderType=cv2.BORDER_CONSTANT)
        drop = max(int(0.012 * self.frame.unit), 1)
        if drop < len(soft):
            soft[drop:] = soft[:-drop].copy()
        strength = 0.28 if self.from_photo else 0.5
        light = 1 - strength * (1 - np.clip(soft * 1.5 - 0.35, 0, 1))
        through_flesh = np.power(floats(1 - 0.82 * pucker), floats([1.5, 1.35, 1.0]))
        return floats(np.power(light[..., None], floats([1.2, 1.12, 1.0])) * through_flesh)
