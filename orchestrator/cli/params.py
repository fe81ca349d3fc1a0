"""From the options of a command to the typed parameters of a stage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from orchestrator.cli.drawing import drawing_of
from orchestrator.cli.dubbing import dubbing_of
from orchestrator.media import is_clip
from shared_schema.errors import InputError
from shared_schema.stages import Aspect, Drawing, FaceParams, LipsyncParams, PortraitParams, SpeechParams

__all__ = ["face_params", "lipsync_params", "portrait_params", "role_of", "speech_params"]

_USUAL = {"size": None, "aspect": "photo", "background": "keep", "prompt": None, "portrait_engine": None}
"""What options that make a portrait are where nobody has given them."""


def speech_params(given: dict[str, Any]) -> SpeechParams:
    """From `options.speech`."""
    return SpeechParams(
        given["language"],
        given["speed"],
        given["speaker"],
        given["temperature"],
        stream=given.get("stream", False),
    )


def portrait_params(given: dict[str, Any]) -> PortraitParams:
    """From `options.picture` and, where they are among the options, `drawing`'s."""
    drawing = drawing_of(given) if "prompt" in given else Drawing()
    return PortraitParams(given["size"], Aspect(given["aspect"]), given["face"], given["background"], drawing)


def face_params(given: dict[str, Any]) -> FaceParams:
    """From `--face`."""
    return FaceParams(given["face"])


def lipsync_params(given: dict[str, Any]) -> LipsyncParams:
    """From `options.video`, `dubbing` and `options.video_out`: 25 frames a second unless it was said."""
    fps: Fraction = given["fps"] or Fraction(25)
    return LipsyncParams(
        fps.numerator,
        fps.denominator,
        blink=not given["no_blink"],
        sway=not given["no_sway"],
        stream=given["stream_to"] is not None,
        dubbing=dubbing_of(given),
    )


def role_of(portrait: Path | None, given: dict[str, Any]) -> str:
    """What was given as --portrait is to a job: a photo, or a clip.

    InputError for an option that makes a portrait, where a video was given: that stays as it is.
    """
    if portrait is None or not is_clip(portrait):
        return "photo"
    for name, usual in _USUAL.items():
        if given.get(name, usual) != usual:
            raise InputError(
                f"--{name.replace('_', '-')} is for photos; a video is left as it is, but for its mouth.",
                "Leave it out, or give a photo.",
            )
    return "clip"
