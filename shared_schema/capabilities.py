"""What engines can do and need, and how they are told to use a device."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from shared_schema.fields import Body, Count, Identifier
from shared_schema.stages import Stage

__all__ = ["EngineInfo", "Memory", "Precision", "Profile"]


class Memory(Body, frozen=True):
    """What an engine states of its memory of one kind, bytes; the orchestrator measures it too.

    `peak` is the most its process holds while it works. `context` is what the process keeps when the
    engine has left: libraries, and on a GPU the CUDA context.
    """

    peak: Count
    context: Count = 0


class EngineInfo(Body, frozen=True):
    """What a worker says of one engine. `lacks` and `remedy` are sentences, empty when it is ready.

    `needs` are input files without which it cannot work, `ignores` such as it can make no use of.
    `version` is its own, and behind it in brackets those of the libraries that decide its result.
    `host` is its need of host memory, `gpu` of a GPU's: None where it uses none. `gpu_by_parts` is the same
    under a profile that asks for that. `streams` is whether it takes speech while that is being spoken.

    A need may name alternatives, "portrait|clip": one of them suffices.
    """

    name: Identifier
    stage: Stage
    version: str
    summary: str
    ready: bool
    lacks: str = ""
    remedy: str = ""
    languages: list[str] = msgspec.field(default_factory=list)
    needs: list[str] = msgspec.field(default_factory=list)
    ignores: list[str] = msgspec.field(default_factory=list)
    host: Memory = Memory(0)
    gpu: Memory | None = None
    gpu_by_parts: Memory | None = None
    streams: bool = False

    @property
    def title(self) -> str:
        """Name and own version, for people."""
        return f"{self.name} {self.version.partition(' ')[0]}"


class Precision(StrEnum):
    """The number format of weights and activations."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


class Profile(Body, frozen=True):
    """How to use this device: chosen by its size, the same for all engines of a run.

    `batch` is how many frames or pictures to make at once; `tiling` asks to decode pictures in tiles;
    `by_parts` to keep on the device only the part of an engine that computes.
    """

    name: str = "cpu"
    precision: Precision = Precision.FP32
    batch: Annotated[int, msgspec.Meta(ge=1)] = 1
    tiling: bool = False
    by_parts: bool = False
