"""What every lip-sync engine reads of its task: the portrait with its face, and the frame rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from lipsync_worker.arrays import Picture
from lipsync_worker.clip import Clip
from lipsync_worker.driven import Driven
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.footage import BoxOf, Footage, Still
from lipsync_worker.voice import FileVoice, LiveVoice, Voice
from shared_schema import limits
from shared_schema.engine import Context
from shared_schema.errors import FaceError, InputError, PhotoError
from shared_schema.messages import Task
from shared_schema.records import read_face, read_shots
from shared_schema.stages import LipsyncParams
from shared_schema.tracks import read_track

__all__ = ["asked_rate", "open_footage", "open_voice", "read_portrait"]


def asked_rate(params: LipsyncParams) -> Fraction:
    """The video's frames a second. InputError where no video can have so many."""
    rate = Fraction(params.fps_numerator, params.fps_denominator)
    if not limits.MIN_FRAME_RATE <= rate <= limits.MAX_FRAME_RATE:
        raise InputError(
            f"A video of {float(rate):g} frames a second cannot be made.",
            f"Ask for {limits.MIN_FRAME_RATE} to {limits.MAX_FRAME_RATE}.",
        )
    return rate


def read_portrait(context: Context) -> tuple[Picture, FaceFrame]:
    """A task's portrait (h, w, 3), BGR, and its face. PhotoError or FaceError where they cannot be used."""
    photo = _read_photo(context.input("portrait"))
    return photo, _read_frame(context.input("face"), photo)


def open_voice(task: Task, context: Context) -> Voice:
    """A task's speech, in a file or live. RecordingError where it cannot be used."""
    if "speech" in task.live:
        return LiveVoice(context.live("speech"))
    return FileVoice(context.input("speech"), context.check)


def open_footage(params: LipsyncParams, seed: int, box_of: BoxOf, context: Context) -> Footage:
    """A task's portrait, a photo or a video. PhotoError or FaceError where it cannot be used."""
    if "clip" in context.task.inputs:
        return _open_clip(params, box_of, context)
    photo, frame = read_portrait(context)
    return Still(photo, frame, params, seed, box_of)


def _open_clip(params: LipsyncParams, box_of: BoxOf, context: Context) -> Driven:
    shots = read_shots(context.input("shots"))
    track = read_track(context.input("track"))
    clip = Clip(context.input("clip"), most=len(shots.times))
    try:
        return Driven(clip, shots, track, asked_rate(params), box_of, smooth=not params.dubbing.compat)
    except BaseException:
        clip.close()
        raise


def _read_photo(path: Path) -> Picture:
    photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if photo is None:
        raise PhotoError(f"The portrait {path.name} cannot be read as a picture.")
    return np.asarray(photo, np.uint8)


def _read_frame(path: Path, photo: Picture) -> FaceFrame:
    mesh = read_face(path)
    if (mesh.height, mesh.width) != photo.shape[:2]:
        raise FaceError(
            f"The face was measured on a picture of {mesh.width}x{mesh.height} pixels, "
            f"the portrait has {photo.shape[1]}x{photo.shape[0]}."
        )
    return FaceFrame.of(mesh)
