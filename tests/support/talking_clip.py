"""Videos made of the sample portrait, written by the lip-sync environment: `python talking_clip.py FOLDER`.

me.mp4     50 frames at 30000/1001 a second, in which the portrait moves from side to side
empty.mp4  the same without a face
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

PORTRAIT = Path(__file__).parents[2] / "envs/vision-py312/vision_worker/samples/portrait.png"
SIZE = (640, 480)


def _moving(count: int) -> Iterator[NDArray[np.uint8]]:
    portrait = cv2.imread(str(PORTRAIT))
    assert portrait is not None
    for number in range(count):
        moved = np.array([[0.9, 0, 60 + 40 * math.sin(number / 8)], [0, 0.9, 10]], np.float32)
        shown = cv2.warpAffine(portrait, moved, SIZE, borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(shown, np.uint8)


def _empty(count: int) -> Iterator[NDArray[np.uint8]]:
    for number in range(count):
        yield np.full((SIZE[1], SIZE[0], 3), 60 + number, np.uint8)


def _write(path: Path, pictures: Iterator[NDArray[np.uint8]]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30_000, 1001))
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    _write(folder / "me.mp4", _moving(50))
    _write(folder / "empty.mp4", _empty(10))
