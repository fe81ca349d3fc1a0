"""From the files of a task to a video: measure the sound, then frame after frame. It is written, or sent."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2

from lipsync_worker import coarticulation, sound_driver, timeline
from lipsync_worker.arrays import Floats
from lipsync_worker.compositor import Compositor
from lipsync_worker.encoder import VideoWriter, video_sink
from lipsync_worker.inputs import asked_rate, read_portrait
from lipsync_worker.loudness import Levels, Reference, features
from lipsync_worker.mixed import Untimed, mix
from lipsync_worker.pose import Poses
from lipsync_worker.voice import FileVoice
from shared_schema.engine import Context
from shared_schema.records import read_timings
from shared_schema.stages import LipsyncOutcome, LipsyncParams

__all__ = ["animate"]

REPORT_EVERY = 5  # frames


class _Clock(NamedTuple):
    frames: int
    rate: Fraction


def animate(params: LipsyncParams, seed: int, context: Context) -> LipsyncOutcome:
    """Write `video.mp4` for a task's portrait, face, speech and, if there are, timings; or send it as chunks.

    Memory does not grow with the length of the speech. Raises PhotoError, FaceError, RecordingError for
    inputs that cannot be used, OutputError where the video cannot be written, Cancelled when told to stop.
    """
    cv2.setNumThreads(1)
    rate = asked_rate(params)
    photo, frame = read_portrait(context)
    speech = context.input("speech")
    timings = context.optional_input("timings")
    context.progress("listening", 0)
    voice = FileVoice(speech, context.check)
    count = max(math.ceil(voice.seconds * rate - Fraction(1, 1000)), 1)
    rows, driver = _poses(voice, timings, _Clock(count, rate), context)
    compositor = Compositor(frame, photo, params, seed)
    height, width = compositor.shape
    with VideoWriter(video_sink(params, context), (width, height), rate, voice) as writer:
        for pose in itertools.chain.from_iterable(rows):
            context.check()
            if writer.frames % REPORT_EVERY == 0:
                context.progress("animating", writer.frames, count)
            writer.write(compositor.frame(pose, writer.frames))
    context.progress("animating", count, count)
    return LipsyncOutcome(count, float(count / rate), width, height, driver)


def _poses(
    voice: FileVoice, timings: Path | None, clock: _Clock, context: Context
) -> tuple[Iterator[Poses], str]:
    """The poses of all frames, and what drives them."""
    reference = Reference.of(features(_checked(voice.listen(), context)))
    untimed = Untimed.of(timings) if timings is not None else None

    def by_sound() -> Iterator[Poses]:
        return sound_driver.poses(_levels(voice), reference, clock.frames, clock.rate)

    if timings is None or untimed is None or not untimed.some_timed:
        return by_sound(), "sound"
    levels = _levels(voice)
    track = timeline.segments(read_timings(timings), levels, reference, voice.seconds)
    by_phonemes = coarticulation.poses(track, levels, reference, clock.frames, clock.rate)
    if not len(untimed.bounds):
        return by_phonemes, "phonemes"
    return mix(by_phonemes, by_sound(), untimed, clock.rate), "phonemes and sound"


def _levels(voice: FileVoice) -> Levels:
    return Levels(features(voice.listen()))


def _checked(blocks: Iterator[Floats], context: Context) -> Iterator[Floats]:
    for block in blocks:
        context.check()
        yield block
