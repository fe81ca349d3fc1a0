"""Frames a second in which a face is followed, on one core, beside MediaPipe's own video mode.

The clip is the sample portrait that moves, grows and rolls over coloured clouds. MediaPipe is shown each
frame whole and goes on from the last mesh; the tracker looks for cuts, measures each frame for itself in a
window, compares who it is, smooths, and reads its frames from a mapped file.
"""

from __future__ import annotations

import json

from tests.bench.measure import median, run, say
from tests.pipeline.conftest import VISION_PYTHON

SIZES = {"640 x 360": 1, "1920 x 1080": 3}
FRAMES = 120
SCRIPT = """
import json, os, sys, tempfile, time
from pathlib import Path
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import cv2, numpy as np
from shared_schema.engine import Context
from shared_schema.frames import Frames, write_frames
from shared_schema.messages import Task
from shared_schema.stages import Stage, TrackParams
from vision_worker.faces import FaceFinder
from vision_worker.images import read_photo
from vision_worker.networks import load_mediapipe
from vision_worker.samples import PORTRAIT
from vision_worker.scenes import scene_numbers
from vision_worker.tracking import track_face

zoom, count, rounds = int(sys.argv[1]), int(sys.argv[2]), 3
width, height = 640 * zoom, 360 * zoom
cv2.setNumThreads(1)
portrait = read_photo(PORTRAIT).pixels
clouds = np.random.default_rng(3).integers(0, 256, (9, 16, 3), np.uint8)
clouds = cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)

def frames():
    for a in 2 * np.pi * np.arange(count):
        matrix = cv2.getRotationMatrix2D((225, 125), 12 * np.sin(a / 60), zoom * (1 + 0.2 * np.sin(a / 70)))
        matrix[:, 2] += zoom * (320 + 120 * np.sin(a / 50)) - 225, zoom * 180 - 125
        frame = clouds.copy()
        cv2.warpAffine(portrait, matrix, (width, height), dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
        yield frame.tobytes()

def whole(frames):
    mesh = load_mediapipe().solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True)
    began = time.perf_counter()
    seen = sum(bool(mesh.process(np.asarray(frame)).multi_face_landmarks) for frame in frames)
    seconds = time.perf_counter() - began
    mesh.close()
    return seconds, seen

def followed(frames):
    began = time.perf_counter()
    seen = sum(track_face(finder, frames, params, context).seen)
    return time.perf_counter() - began, seen

def cuts(frames):
    began = time.perf_counter()
    scene_numbers(frames)
    return time.perf_counter() - began, count

finder, params, taken = FaceFinder(), TrackParams(), {}
with tempfile.TemporaryDirectory() as folder:
    context = Context(Task("bench", 1, Stage.FACE, "mediapipe-track", folder, {}, params, 0))
    path = Path(folder) / "frames.npy"
    write_frames(path, frames(), height, width)
    with Frames([path]) as clip:
        for _ in range(rounds):
            for measured in (whole, followed, cuts):
                seconds, seen = measured(clip)
                assert seen == count, (measured, seen)
                taken.setdefault(measured.__name__, []).append(count / seconds)
print(json.dumps(taken))
"""


def main() -> None:
    """At two sizes of frame."""
    for size, zoom in SIZES.items():
        done = run([VISION_PYTHON, "-c", SCRIPT, zoom, FRAMES], None, OMP_NUM_THREADS="1")
        rates = {name: median(taken) for name, taken in json.loads(done.output.splitlines()[-1]).items()}
        say(f"{size}: the face followed", f"{rates['followed']:.0f} frames/s")
        say(f"{size}: of it the search for cuts alone", f"{rates['cuts']:.0f} frames/s")
        ratio = rates["followed"] / rates["whole"]
        say(f"{size}: MediaPipe's video mode", f"{rates['whole']:.0f} frames/s, ratio {ratio:.2f}")
