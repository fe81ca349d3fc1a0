"""Decoded frames as pictures: upright, of square pixels, in 8 bits, of the colours that a screen shows."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, Interpolation, VideoReformatter

from lipsync_worker.arrays import Picture, picture

__all__ = ["Upright"]

_UNSPECIFIED: Final = 2
_BRIGHT: Final = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
"""The curves of high dynamic range, PQ and HLG (ITU-R BT.2100)."""

_HD_LINES: Final = 720
"""A video that does not say it is taken for BT.709 from this height on, below for BT.601, as players do."""


class Upright:
    """Makes pictures of the frames of one video; of all those of the first one's size."""

    def __init__(self, first: VideoFrame, aspect: Fraction, longest: int | None = None) -> None:
        """`aspect` is how much wider than high a pixel is; the pictures' sides are at most `longest`."""
        wide, self._flip = _orientation(first)
        self._turned = wide
        width = max(round(first.width * aspect), 1)
        self.width, self.height = (first.height, width) if wide else (width, first.height)
        """Of the whole picture, upright, pixels."""
        long = max(self.width, self.height)
        self.scale = min(1.0, longest / long) if longest else 1.0
        """Pixels of a picture for one of the whole."""
        self.shape = max(round(self.height * self.scale), 1), max(round(self.width * self.scale), 1)
        """Height and width of the pictures."""
        self._size = self.shape if wide else self.shape[::-1]
        self._reformatter = VideoReformatter()

    def picture(self, frame: VideoFrame) -> Picture:
        """A frame as BGR pixels (height, width, 3). Opacity is left out.

        What is brighter than white on paper is white (203 cd/m2 by ITU-R BT.2408).
        """
        width, height = self._size
        colours = self._reformatter.reformat(
            frame,
            width,
            height,
            format="bgr24",
            src_colorspace=_matrix(frame),
            interpolation=Interpolation.AREA if self.scale < 1 else Interpolation.BILINEAR,
            dst_color_trc=ColorTrc.BT709 if frame.color_trc in _BRIGHT else None,
            dst_color_primaries=ColorPrimaries.BT709 if _is_wide(frame) else None,
        )
        pixels = picture(colours.to_ndarray())
        if self._turned:
            pixels = picture(cv2.transpose(pixels))
        return pixels if self._flip is None else picture(cv2.flip(pixels, self._flip))


def _is_wide(frame: VideoFrame) -> bool:
    """Whether its colours go beyond what a usual screen shows."""
    return frame.color_trc in _BRIGHT or frame.color_primaries == ColorPrimaries.BT2020


def _matrix(frame: VideoFrame) -> Colorspace | None:
    """How brightness and colour were split, where the frame does not say."""
    if frame.colorspace != _UNSPECIFIED or not frame.format.name.startswith(("yuv", "nv", "p0")):
        return None
    return Colorspace.ITU709 if frame.height >= _HD_LINES else Colorspace.ITU601


def _orientation(frame: VideoFrame) -> tuple[bool, int | None]:
    """Whether to swap rows and columns, and how to mirror afterwards: as `cv2.flip` has it, None not at all.

    By the display matrix (ISO/IEC 14496-12, 6.2.2): a pixel (x, y) is shown at (ax + cy, bx + dy).
    """
    if Type.DISPLAYMATRIX not in frame.side_data:
        return False, None
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(frame.side_data[Type.DISPLAYMATRIX]))
    turned = abs(b) + abs(c) > abs(a) + abs(d)
    across, down = (c, b) if turned else (a, d)
    flips = {(False, False): None, (True, False): 1, (False, True): 0, (True, True): -1}
    return turned, flips[bool(np.signbit(across)), bool(np.signbit(down))]
