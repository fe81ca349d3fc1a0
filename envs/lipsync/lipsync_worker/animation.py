"""From the files of a task to a finished video: measure the sound, then frame after frame."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync_worker import coarticulation, sound_driver, timeline
from lipsync_worker.arrays import Floats
from lipsync_worker.compositor import Compositor
from lipsync_worker.encoder import VideoWriter
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.loudness import Levels, Reference, features
from lipsync_worker.mixed import Untimed, mix
from lipsync_worker.pose import Poses
from lipsync_worker.recording import analysis_blocks, measure
from shared_schema import limits
from shared_schema.engine import Context
from shared_schema.errors import FaceError, InputError, PhotoError
from shared_schema.records import read_face, read_timings
from shared_schema.stages import LipsyncOutcome, LipsyncParams

__all__ = ["animate"]

REPORT_EVERY = 5  # frames


class _Clock(NamedTuple):
    frames: int
    rate: Fraction


def animate(params: LipsyncParams, seed: int, context: Context) -> LipsyncOutcome:
    """Write `video.mp4` for a task's portrait, face, speech and, if there are, timings.

    Memory does not grow with the length of the speech. Raises PhotoError, FaceError, RecordingError for
    inputs that cannot be used, OutputError where the video cannot be written, Cancelled when told to stop.
    """
    cv2.setNumThreads(1)
    rate = _frame_rate(params)
    photo = _read_photo(context.input("portrait"))
    frame = _read_frame(context.input("face"), photo)
    speech = context.input("speech")
    timings = context.optional_input("timings")
    context.progress("listening", 0)
    recording = measure(speech, context.check)
    count = max(math.ceil(recording.seconds * rate - Fraction(1, 1000)), 1)
    rows, driver = _poses(speech, timings, recording.seconds, _Clock(count, rate), context)
    compositor = Compositor(frame, photo, params, seed)
    height, width = compositor.shape
    with VideoWriter(
        context.output("video", "video.mp4"), (width, height), rate, speech, recording
    ) as writer:
        for pose in itertools.chain.from_iterable(rows):
            context.check()
            if writer.frames % REPORT_EVERY == 0:
                context.progress("animating", writer.frames, count)
            writer.write(compositor.frame(pose, writer.frames))
    context.progress("animating", count, count)
    return LipsyncOutcome(count, float(count / rate), width, height, driver)


def _frame_rate(params: LipsyncParams) -> Fraction:
    rate = Fraction(params.fps_numerator, params.fps_denominator)
    if not limits.MIN_FRAME_RATE <= rate <= limits.MAX_FRAME_RATE:
        raise InputError(
            f"A video of {float(rate):g} frames a second cannot be made.",
            f"Ask for {limits.MIN_FRAME_RATE} to {limits.MAX_FRAME_RATE}.",
        )
    return rate


def _poses(
    speech: Path, timings: Path | None, seconds: float, clock: _Clock, context: Context
) -> tuple[Iterator[Poses], str]:
    """The poses of all frames, and what drives them."""
    reference = Reference.of(features(_checked(analysis_blocks(speech), context)))
    untimed = Untimed.of(timings) if timings is not None else None

    def by_sound() -> Iterator[Poses]:
        return sound_driver.poses(_levels(speech), reference, clock.frames, clock.rate)

    if timings is None or untimed is None or not untimed.some_timed:
        return by_sound(), "sound"
    levels = _levels(speech)
    track = timeline.segments(read_timings(timings), levels, reference, seconds)
    by_phonemes = coarticulation.poses(track, levels, reference, clock.frames, clock.rate)
    if not len(untimed.bounds):
        return by_phonemes, "phonemes"
    return mix(by_phonemes, by_sound(), untimed, clock.rate), "phonemes and sound"


def _levels(speech: Path) -> Levels:
    return Levels(features(analysis_blocks(speech)))


def _checked(blocks: Iterator[Floats], context: Context) -> Iterator[Floats]:
    for block in blocks:
        context.check()
        yield block


def _read_photo(path: Path) -> NDArray[np.uint8]:
    photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if photo is None:
        raise PhotoError(f"The portrait {path.name} cannot be read as a picture.")
    return np.asarray(photo, np.uint8)


def _read_frame(path: Path, photo: NDArray[np.uint8]) -> FaceFrame:
    mesh = read_face(path)
    if (mesh.height, mesh.width) != photo.shape[:2]:
        raise FaceError(
            f"The face was measured on a picture of {mesh.width}x{mesh.height} pixels, "
            f"the portrait has {photo.shape[1]}x{photo.shape[0]}."
        )
    return FaceFrame.of(mesh)
