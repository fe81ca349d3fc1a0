"""What each stage takes and gives: typed parameters and outcomes, and the names of its files.

    stage     input files                           parameters       output files
    speech    text, [voice, voice-2, ...]           SpeechParams     speech.wav, timings.jsonl
    portrait  [photo], [prompt], [lora, lora-2...]  PortraitParams   portrait.png, face.json, [sheet.jpg]
    face      portrait                              FaceParams       face.json, [annotated.png]
              frames, [frames-2, ...]               TrackParams      track.npz
    clip      clip                                  ClipParams       frames.npy, frames-2.npy..., clip.json
    lipsync   portrait, face, speech, [timings]     LipsyncParams    video.mp4
              clip, shots, track, speech

Files are named in messages by their path relative to the job's folder (`messages.FileRef`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from shared_schema import limits
from shared_schema.kinds import Aspect, Mask, Scheduler, Style, Verdict

__all__ = [
    "SPEECH_RATE",
    "Aspect",
    "ClipOutcome",
    "ClipParams",
    "Drawing",
    "Drawn",
    "Dubbing",
    "FaceOutcome",
    "FaceParams",
    "Finding",
    "LipsyncOutcome",
    "LipsyncParams",
    "Mask",
    "Outcome",
    "Params",
    "PortraitOutcome",
    "PortraitParams",
    "Scheduler",
    "SpeechOutcome",
    "SpeechParams",
    "Stage",
    "Style",
    "TrackOutcome",
    "TrackParams",
    "Verdict",
]


SPEECH_RATE: Final = 24_000
"""Of speech that is sent while it is spoken, Hz; it is mono, 16 bit, little endian."""


class Stage(StrEnum):
    """The stages, by the names that users type (`tts` is the command's name for `speech`)."""

    SPEECH = "tts"
    PORTRAIT = "portrait"
    FACE = "face"
    CLIP = "clip"
    LIPSYNC = "lipsync"


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


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that was looked at in a portrait: its name, and what was found in one sentence."""

    check: str
    verdict: Verdict
    words: str


class Drawing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to draw a portrait from a prompt. None and `auto` are as the checkpoint likes it.

    `negative` is what not to draw; `guidance` how strictly to follow the prompt (the scale of classifier-free
    guidance); `strength` how far to go away from a photo, if there is one. `count` pictures are wanted, and
    for each up to `tries` seeds are drawn until one is fit for lip-sync. `checkpoint` is a folder or a
    .safetensors file on this machine, empty for the fetched weights. `lora_scales` belong to the lora files,
    in order. With `preview` a small picture is sent after each step.
    """

    negative: str = ""
    style: Style = Style.PORTRAIT
    steps: Annotated[int, msgspec.Meta(ge=1, le=200)] | None = None
    guidance: Annotated[float, msgspec.Meta(ge=0.0, le=30.0)] | None = None
    scheduler: Scheduler = Scheduler.AUTO
    strength: Annotated[float, msgspec.Meta(ge=0.05, le=1.0)] = 0.5
    count: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    tries: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    checkpoint: str = ""
    refine: bool = False
    lora_scales: list[Annotated[float, msgspec.Meta(ge=-4.0, le=4.0)]] = msgspec.field(default_factory=list)
    preview: bool = False


class PortraitParams(_Typed, frozen=True, tag="portrait"):
    """Which part of the picture to keep, and how large.

    `size` is the output's short side in pixels; None is 512, or what the picture has for that: a part cut out
    of it is at most doubled.
    `face` counts faces from 1, left to right; None demands that there is exactly one.
    `background` is "keep", "blur", or the colour that takes its place ("#rrggbb").
    `drawing` is for engines that draw.
    """

    size: Annotated[int, msgspec.Meta(ge=limits.MIN_SIZE, le=limits.MAX_SIZE)] | None = None
    aspect: Aspect = Aspect.PHOTO
    face: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    background: Annotated[str, msgspec.Meta(pattern=r"^(keep|blur|#[0-9a-f]{6})\Z")] = "keep"
    drawing: Drawing = Drawing()


class FaceParams(_Typed, frozen=True, tag="face"):
    """Which face to measure: as in `PortraitParams`.

    With `check` it is looked at as a portrait for lip-sync: an unfit one is an outcome, not an error, and
    `annotated.png` shows what was found.
    """

    face: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    check: bool = False


class TrackParams(_Typed, frozen=True, tag="track"):
    """The frames' true rate as a fraction; `face` counts from the left in the first frame of each scene."""

    fps_numerator: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 25
    fps_denominator: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    face: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    smooth: bool = True


class ClipParams(_Typed, frozen=True, tag="clip"):
    """How much of a video is needed: its first `seconds`, all of it where 0."""

    seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class Dubbing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a neural engine replaces the mouth.

    `version` names the weights where an engine has several ("v1.5", "v1"), empty the best that are there.
    `shift` moves MuseTalk v1's box down by so many pixels (its bbox_shift). With `gate` the mouth rests in
    silence, with `match` colour and sharpness follow what is around it; `sharpen` (0 to 1) adds to that.
    With `compat` the results are those of the original code, its faults included.
    """

    version: str = ""
    mask: Mask = Mask.LANDMARKS
    shift: Annotated[int, msgspec.Meta(ge=-64, le=64)] = 0
    gate: bool = True
    match: bool = True
    sharpen: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0
    compat: bool = False


class LipsyncParams(_Typed, frozen=True, tag="lipsync"):
    """The video's true frame rate as a fraction (30000/1001 is 29.97), and what moves besides the lips.

    With `stream` the video is sent in fragments while it is made, as chunks named video, and no file is
    written. `dubbing` is for neural engines.
    """

    fps_numerator: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 25
    fps_denominator: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    blink: bool = True
    sway: bool = True
    stream: bool = False
    dubbing: Dubbing = Dubbing()


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


class Drawn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture that was drawn: its seed, its score (0 to 100), and why it was not taken, if so."""

    seed: int
    score: float
    faults: list[str] = msgspec.field(default_factory=list)


class PortraitOutcome(_Typed, frozen=True, tag="portrait"):
    """The picture that was made, in pixels. `source` says in words where it comes from.

    `score` (0 to 100) is how fit it is for lip-sync, `advice` what would make it better. `drawn` are the
    pictures of engines that draw, as `portrait`, `portrait-2` and so on, the best first; behind them those
    that were not taken.
    """

    width: int
    height: int
    source: str = ""
    score: float = 0.0
    advice: list[str] = msgspec.field(default_factory=list)
    drawn: list[Drawn] = msgspec.field(default_factory=list)


class FaceOutcome(_Typed, frozen=True, tag="face"):
    """The face that was measured: its box (left, top, right, bottom) in pixels; how far it is turned to the
    picture's right (yaw), raised (pitch) and tilted clockwise (roll), in degrees.

    `score` (0 to 100) and `findings` are of its fitness for lip-sync. Where none could be chosen, the box
    is all zeros and the findings say why.
    """

    box: tuple[float, float, float, float]
    yaw: float
    faces: int
    pitch: float = 0.0
    roll: float = 0.0
    score: float = 0.0
    findings: list[Finding] = msgspec.field(default_factory=list)


class TrackOutcome(_Typed, frozen=True, tag="track"):
    """A face followed through frames: in how many it was seen, and how many scenes there are."""

    frames: int
    seen: int
    scenes: int


class ClipOutcome(_Typed, frozen=True, tag="clip"):
    """A video that was read: its frames as they are shown, upright, and their mean rate as a fraction.

    The frames that were written may be smaller: they are for finding the face.
    """

    frames: int
    seconds: float
    width: int
    height: int
    fps_numerator: int
    fps_denominator: int


class LipsyncOutcome(_Typed, frozen=True, tag="lipsync"):
    """The video that was made. `driver` is what moved the lips: "phonemes", "sound", or both.

    `untouched` is how many frames had no face and were left as they are.
    """

    frames: int
    seconds: float
    width: int
    height: int
    driver: str
    untouched: int = 0


Params = SpeechParams | PortraitParams | FaceParams | TrackParams | ClipParams | LipsyncParams
Outcome = SpeechOutcome | PortraitOutcome | FaceOutcome | TrackOutcome | ClipOutcome | LipsyncOutcome
