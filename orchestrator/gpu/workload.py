"""The jobs that a simulation is fed with: a file of JSON objects, one a line.

    {"id": "a", "arrives_s": 0, "seconds": {"tts": 4, "portrait": 9, "lipsync": 6}, "gb": {"tts": 2.9}}

All may be left out. What is not said is as `ENGINES` and `PASSAGES` have it. Those are figures of neural
engines, fp16, on a card with PCIe 3 x16: memory as `orchestrator.gpu.profiles` reckons it; weights go to the
device and back at 4 GB/s (pageable memory), and come from disk at 1 GB/s after some seconds of imports.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from orchestrator.launcher import WORKER_OF
from shared_schema.errors import InputError
from shared_schema.stages import Stage

__all__ = ["CONTEXT", "ENGINES", "INPUTS", "PASSAGES", "Engine", "Job", "Passage", "peak", "read", "workers"]

CONTEXT = 500_000_000
"""Bytes that a worker's process keeps when its engine has left the device: a CUDA context."""

MAX_JOBS = 100_000
MAX_BYTES = 64 << 20

Duration = Annotated[float, msgspec.Meta(ge=0, le=1e7)]
Gigabytes = Annotated[float, msgspec.Meta(gt=0, le=1e4)]


@dataclass(frozen=True)
class Engine:
    """A stage's typical engine: seconds of a task, its peak in bytes."""

    name: str
    seconds: float
    peak: int


@dataclass(frozen=True)
class Passage:
    """Seconds: until a worker has its weights in host memory, to bring them onto the device, and off it."""

    load: float
    on: float
    off: float


ENGINES = {
    Stage.SPEECH: Engine("XTTS", 4.0, 3_400_000_000),
    Stage.PORTRAIT: Engine("SDXL", 9.0, 10_400_000_000),
    Stage.FACE: Engine("MediaPipe", 1.0, CONTEXT),
    Stage.CLIP: Engine("FFmpeg", 2.0, CONTEXT),
    Stage.LIPSYNC: Engine("MuseTalk", 6.0, 4_400_000_000),
}

PASSAGES = {
    "tts": Passage(load=10.0, on=0.5, off=0.5),
    "vision": Passage(load=15.0, on=1.7, off=1.7),
    "lipsync": Passage(load=10.0, on=0.5, off=0.5),
}

INPUTS = {
    Stage.SPEECH: (),
    Stage.PORTRAIT: (),
    Stage.CLIP: (),
    Stage.FACE: (Stage.PORTRAIT, Stage.CLIP),
    Stage.LIPSYNC: (Stage.SPEECH, Stage.PORTRAIT, Stage.CLIP, Stage.FACE),
}
"""The stages that must be done before a stage, of those that a job has."""


def _usual() -> dict[Stage, Duration]:
    return {stage: ENGINES[stage].seconds for stage in (Stage.SPEECH, Stage.PORTRAIT, Stage.LIPSYNC)}


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One job. A stage without `seconds` is not needed; `gb` is the peak where it is not the typical one."""

    id: Annotated[str, msgspec.Meta(max_length=200)] = ""
    arrives_s: Duration = 0.0
    seconds: Annotated[dict[Stage, Duration], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=_usual
    )
    gb: dict[Stage, Gigabytes] = {}


def peak(job: Job, stage: Stage) -> int:
    """The most bytes that a job's stage holds on the device."""
    return round(job.gb[stage] * 1e9) if stage in job.gb else ENGINES[stage].peak


def workers(jobs: Iterable[Job]) -> set[str]:
    """Who must work for these jobs."""
    return {WORKER_OF[stage] for job in jobs for stage in job.seconds}


def read(path: Path) -> list[Job]:
    """The jobs of a file, of stdin where it is "-". An id that is not given is the line's number.

    Raises InputError, which names the line, where it is no such file or too large.
    """
    try:
        if str(path) == "-":
            return _parse("stdin", sys.stdin.buffer)
        with path.open("rb") as file:
            return _parse(str(path), file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _parse(name: str, file: BinaryIO) -> list[Job]:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES >> 20} MiB.", "Simulate fewer jobs.")
    decoder = msgspec.json.Decoder(Job)
    jobs: dict[str, Job] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        job = _job(decoder, line, f"{name}, line {number}", str(number))
        if job.id in jobs:
            raise InputError(f"{name}, line {number}: the id {job.id!r} is line {lines[job.id]}'s already.")
        if len(jobs) == MAX_JOBS:
            raise InputError(f"{name} holds more than {MAX_JOBS:,} jobs.", "Simulate fewer.")
        jobs[job.id], lines[job.id] = job, number
    if not jobs:
        raise InputError(f"{name} holds no job.", "Give one JSON object a line; {} is a usual job.")
    return list(jobs.values())


def _job(decoder: msgspec.json.Decoder[Job], line: bytes, where: str, number: str) -> Job:
    try:
        job = decoder.decode(line)
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8.") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{where}: {error}.") from error
    return job if job.id else msgspec.structs.replace(job, id=number)
