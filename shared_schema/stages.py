"""What each stage takes and gives: typed parameters and outcomes, and the names of its files.

    stage     input files                          parameters       output files
    speech    text, [voice, voice-2, ...]          SpeechParams     speech.wav, timings.jsonl
    portrait  [photo]                              PortraitParams   portrait.png
    face      portrait                             FaceParams       face.json
    lipsync   portrait, face, speech, [timings]    LipsyncParams    video.mp4

Files are named in messages by their path relative to the job's folder (`messages.FileRef`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from shared_schema import limits

__all__ = [
    "Aspect",
    "FaceOutcome",
    "FaceParams",
    "LipsyncOutcome",
    "LipsyncParams",
    "Outcome",
    "Params",
    "PortraitOutcome",
    "PortraitParams",
    "SpeechOutcome",
    "SpeechParams",
    "Stage",
]


class Stage(StrEnum):
    """The stages, by the names that users type (`tts` is the command's name for `speech`)."""

    SPEECH = "tts"
    PORTRAIT = "portrait"
    FACE = "face"
    LIPSYNC = "lipsync"


class Aspect(StrEnum):
    """Shape of the output picture."""

    PHOTO = "photo"
    SQUARE = "1:1"
    WIDE = "16:9"
    TALL = "9:16"


class _Typed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of the tagged structs."""


class SpeechParams(_Typed, frozen=True, tag="speech"):
    """How to speak. `language` is a BCP 47 tag, or "auto": as the text is written.

    `speed` is a factor on the speaking rate, 1.0 the engine's own; `temperature` how freely it speaks,
    None as the engine likes it. `speaker` names one of the engine's own voices, empty its first.
    With `stream` sound is sent while a sentence is still being made.
    """

    language: str = "en"
    speed: Annotated[float, msgspec.Meta(ge=0.5, le=2.0)] = 1.0
    speaker: str = ""
    temperature: Annotated[float, msgspec.Meta(ge=0.01, le=2.0)] | None = None
    stream: bool = False


class PortraitParams(_Typed, frozen=True, tag="portrait"):
    """Which part of the picture to keep, and how large.

    `size` is the output's short side in pixels; None keeps the picture's own, at most 512.
    `face` counts faces from 1, left to right; None demands that there is exactly one.
    """

    size: Annotated[int, msgspec.Meta(ge=limits.MIN_SIZE, le=limits.MAX_SIZE)] | None = None
    aspect: Aspect = Aspect.PHOTO
    face: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None


class FaceParams(_Typed, frozen=True, tag="face"):
    """Which face to measure: as in `PortraitParams`."""

    face: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None


class LipsyncParams(_Typed, frozen=True, tag="lipsync"):
    """The video's true frame rate as a fraction (30000/1001 is 29.97), and what moves besides the lips."""

    fps_numerator: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 25
    fps_denominator: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    blink: bool = True
    sway: bool = True


class SpeechOutcome(_Typed, frozen=True, tag="speech"):
    """The sound that was made. `voice` says in words which voice speaks and how it was matched.

    `language` is the one spoken; `advice` what would make the recordings that were given better.
    """

    sample_rate: int
    samples: int
    sentences: int
    voice: str = ""
    language: str = ""
    advice: list[str] = msgspec.field(default_factory=list)


class PortraitOutcome(_Typed, frozen=True, tag="portrait"):
    """The picture that was made, in pixels. `source` says in words where it comes from."""

    width: int
    height: int
    source: str = ""


class FaceOutcome(_Typed, frozen=True, tag="face"):
    """The face that was measured: its box (left, top, right, bottom) in pixels, its yaw in degrees."""

    box: tuple[float, float, float, float]
    yaw: float
    faces: int


class LipsyncOutcome(_Typed, frozen=True, tag="lipsync"):
    """The video that was made. `driver` is what moved the lips: "phonemes", "sound", or both."""

    frames: int
    seconds: float
    width: int
    height: int
    driver: str


Params = SpeechParams | PortraitParams | FaceParams | LipsyncParams
Outcome = SpeechOutcome | PortraitOutcome | FaceOutcome | LipsyncOutcome
