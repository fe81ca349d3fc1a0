"""From the options of a command to the typed parameters of a stage."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from orchestrator.cli.drawing import drawing_of
from shared_schema.stages import Aspect, Drawing, FaceParams, LipsyncParams, PortraitParams, SpeechParams

__all__ = ["face_params", "lipsync_params", "portrait_params", "speech_params"]


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
    """From `options.video`."""
    fps: Fraction = given["fps"]
    return LipsyncParams(
        fps.numerator, fps.denominator, blink=not given["no_blink"], sway=not given["no_sway"]
    )
