"""The talking photo's frames a second at 512x512, encoding included, on one core."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.bench.measure import SENTENCE, avatar_json, median, run, say
from tests.pipeline.conftest import VISION_PYTHON

ROUNDS = 3
FACES = {"small face": "sample.png", "close-up": "close-up.png"}
CROP = """
import sys
from pathlib import Path
from PIL import Image
from vision_worker.engines import ENGINES
import vision_worker
folder = Path(sys.argv[1])
sample = Image.open(Path(vision_worker.__file__).parent / "samples" / "portrait.png").convert("RGB")
sample.save(folder / "sample.png")
sample.crop((130, 10, 330, 210)).resize((512, 512), Image.Resampling.LANCZOS).save(folder / "close-up.png")
"""


def main() -> None:
    """The sample as it is, and its face alone."""
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run([VISION_PYTHON, "-c", CROP, folder])
        avatar_json(folder, "stage", "tts", "--text", SENTENCE * 6, "-o", folder / "a.wav",
                    "--timings", folder / "a.jsonl")  # fmt: skip
        os.sched_setaffinity(0, {min(cores)})
        try:
            for face, picture in FACES.items():
                say(f"{face} (goal for a close-up: 50)", f"{_frames_a_second(folder, picture):.0f} frames/s")
        finally:
            os.sched_setaffinity(0, cores)


def _frames_a_second(folder: Path, picture: str) -> float:
    rates = []
    for _ in range(ROUNDS):
        _, report = avatar_json(
            folder, "stage", "lipsync", "--portrait", folder / picture, "--speech", folder / "a.wav",
            "--timings", folder / "a.jsonl", "--size", "512", "--force", "-o", folder / "v.mp4",
        )  # fmt: skip
        stage = report["stages"][-1]
        rates.append(stage["outcome"]["frames"] / (stage["timings"]["total"] - stage["timings"]["loading"]))
    return median(rates)
