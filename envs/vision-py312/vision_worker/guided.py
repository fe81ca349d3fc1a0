"""The guided filter: a rough mask learns the edges of the picture it belongs to.

He, Sun and Tang, "Guided Image Filtering", IEEE TPAMI 35(6), 2013, with a colour guide (section 3.4). Around
each pixel the mask is fitted as a linear function of the colour; the fits of all windows that hold a pixel
are averaged. The headless OpenCV does not carry it (it is in ximgproc).
"""

from __future__ import annotations

import cv2
import numpy as np

from vision_worker.reduced import Floats

__all__ = ["box_mean", "guide"]


def guide(picture: Floats, rough: Floats, radius: int, epsilon: float) -> tuple[Floats, Floats]:
    """Slopes (H, W, 3) and offset (H, W), such that (slopes * picture).sum(-1) + offset is the fine mask.

    `picture` (H, W, 3) and `rough` (H, W) are from 0 to 1; windows are 2 * radius + 1 pixels wide; colours
    that vary by less than about the root of `epsilon` within one are smoothed over. The coefficients are
    smooth: enlarged, they fit the same picture at a larger size (He and Sun, "Fast Guided Filter", 2015).
    """
    colour, share = box_mean(picture, radius), box_mean(rough, radius)
    together = box_mean(picture * rough[..., None], radius) - colour * share[..., None]
    spread = np.empty((*rough.shape, 3, 3), np.float32)
    for one in range(3):
        for other in range(one, 3):
            product = box_mean(picture[..., one] * picture[..., other], radius)
            product -= colour[..., one] * colour[..., other]
            spread[..., one, other] = spread[..., other, one] = product
    spread += np.float32(epsilon) * np.eye(3, dtype=np.float32)
    slopes = np.linalg.solve(spread, together[..., None])[..., 0]
    offset = share - (slopes * colour).sum(axis=-1)
    return box_mean(slopes, radius), box_mean(offset, radius)


def box_mean(values: Floats, radius: int) -> Floats:
    """The mean over the square of 2 * radius + 1 pixels around each, mirrored at the edges."""
    side = 2 * radius + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)
