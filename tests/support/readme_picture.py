"""Makes docs/images/hello.jpg from the sample's video; run by the lip-sync environment's Python.

avatar run -o hello.mp4 && avatar stage tts -o hello.wav --timings hello.jsonl
envs/lipsync/.venv/bin/python -m tests.support.readme_picture hello.mp4 hello.jsonl
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np

from shared_schema.records import read_timings

SOUNDS = ("m", "oʊ", "f", "aɪ", "ɑ", "u")
TOP, LEFT, SIZE = 20, 110, 230
PICTURE = Path(__file__).parents[2] / "docs/images/hello.jpg"


def main(video: Path, timings: Path) -> None:
    phones = [phone for utterance in read_timings(timings) for phone in utterance.phones]
    longest = {phone.symbol: phone for phone in sorted(phones, key=lambda phone: phone.end - phone.start)}
    with av.open(str(video)) as container:
        rate = container.streams.video[0].average_rate
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    chosen = [frames[round((longest[sound].start + longest[sound].end) / 2 * rate)] for sound in SOUNDS]
    row = np.hstack([frame[TOP : TOP + SIZE, LEFT : LEFT + SIZE] for frame in chosen])
    cv2.imwrite(str(PICTURE), row, [cv2.IMWRITE_JPEG_QUALITY, 88])


main(*map(Path, sys.argv[1:]))
