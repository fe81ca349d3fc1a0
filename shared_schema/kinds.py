"""What users and engines choose among, by the names that are typed and told."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Aspect", "Mask", "Scheduler", "Style", "Verdict"]


class Aspect(StrEnum):
    """Shape of the output picture."""

    PHOTO = "photo"
    SQUARE = "1:1"
    WIDE = "16:9"
    TALL = "9:16"


class Style(StrEnum):
    """What is added to a prompt so that a face fit for lip-sync comes of it; `none` adds nothing."""

    PORTRAIT = "portrait"
    STUDIO = "studio"
    NATURAL = "natural"
    PAINTED = "painted"
    NONE = "none"


class Scheduler(StrEnum):
    """How noise becomes a picture, by the names that people know; `auto` is the checkpoint's own."""

    AUTO = "auto"
    EULER = "euler"
    EULER_A = "euler-a"
    DDIM = "ddim"
    DPMPP = "dpm++"
    DPMPP_KARRAS = "dpm++-karras"
    UNIPC = "unipc"
    LCM = "lcm"
    LIGHTNING = "lightning"


class Mask(StrEnum):
    """Which part of a face a neural lip-sync engine replaces.

    `landmarks` is what lies within the jaw's own outline, below the nose; `v1.5` and `v1` are the shapes of
    MuseTalk's two versions: the jaw without the cheeks, and all of the lower half.
    """

    LANDMARKS = "landmarks"
    V15 = "v1.5"
    V1 = "v1"


class Verdict(StrEnum):
    """What a finding means for lip-sync: nothing, a worse result, or none at all."""

    GOOD = "good"
    POOR = "poor"
    BAD = "bad"
