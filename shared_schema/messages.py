"""Every message, typed. On the wire each is one frame, `[kind, version, body]`, bulk frames behind it.

    orchestrator                                    worker
         │ <───────────────── Hello ────────────────── │   who I am, what I can do
         │ ───────────────── Welcome ────────────────> │   or Refused, with the reason
         │ ────────── Load · Run · Cancel ───────────> │
         │ <── Loaded · Progress · Chunk · Result ──── │   or Failed
         │ ──────────── Grant · Release ─────────────> │
         │ <──────────────── Released ──────────────── │
         │ ─────────────────── Ping ─────────────────> │
         │ <──────────── Pong · Log ────────────────── │
         │ ───────────────── Shutdown ───────────────> │

A task is one pure function of its inputs. Each attempt at it carries a fencing token (`attempt`);
what arrives with an older token is dropped. A lease carries an epoch, with the same rule.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from shared_schema.stages import Outcome, Params, Stage

__all__ = [
    "KINDS",
    "Artifact",
    "Cancel",
    "Chunk",
    "EngineInfo",
    "Failed",
    "FileRef",
    "Grant",
    "Hello",
    "Load",
    "Loaded",
    "Log",
    "Memory",
    "Message",
    "Peaks",
    "Ping",
    "Pong",
    "Precision",
    "Profile",
    "Progress",
    "Refused",
    "Release",
    "ReleaseMode",
    "Released",
    "Result",
    "Run",
    "Shutdown",
    "Task",
    "Welcome",
]

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}\Z")]
RelativePath = Annotated[str, msgspec.Meta(pattern=r"^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all bodies: immutable, and strict about what it does not know."""


class FileRef(_Body, frozen=True):
    """A file in the job's folder: its relative path, SHA-256 in hexadecimal, and size in bytes."""

    path: RelativePath
    sha256: Digest
    size: Count


class Artifact(_Body, frozen=True):
    """A file that a task made. `name` is its role (speech, timings, portrait, face, video)."""

    name: Identifier
    file: FileRef


class Task(_Body, frozen=True):
    """One run of one engine: same inputs, parameters and seed, same artifacts."""

    id: Identifier
    attempt: Annotated[int, msgspec.Meta(ge=1)]
    stage: Stage
    engine: Identifier
    folder: str
    inputs: dict[str, FileRef]
    params: Params
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0


class Memory(_Body, frozen=True):
    """What an engine states of its memory of one kind, bytes; the orchestrator measures it too.

    `peak` is the most its process holds while it works. `context` is what the process keeps when the
    engine has left: libraries, and on a GPU the CUDA context.
    """

    peak: Count
    context: Count = 0


class EngineInfo(_Body, frozen=True):
    """What a worker says of one engine. `lacks` and `remedy` are sentences, empty when it is ready.

    `version` is its own, and behind it in brackets those of the libraries that decide its result.
    `host` is its need of host memory, `gpu` of a GPU's: None where it uses none.
    """

    name: Identifier
    stage: Stage
    version: str
    summary: str
    ready: bool
    lacks: str = ""
    remedy: str = ""
    languages: list[str] = []
    needs: list[str] = []
    host: Memory = Memory(0)
    gpu: Memory | None = None

    @property
    def title(self) -> str:
        """Name and own version, for people."""
        return f"{self.name} {self.version.partition(' ')[0]}"


class Peaks(_Body, frozen=True):
    """The most memory a worker held during a task, in bytes."""

    rss: Count
    gpu: Count = 0


class Hello(_Body, frozen=True):
    """First words of a worker. `token` proves which process this is; `lock` is its lock's digest.

    `device` is the UUID of the one GPU that it sees, or "cpu".
    """

    worker: Identifier
    token: str
    pid: Count
    schema: Count
    python: str
    lock: str
    device: str
    engines: list[EngineInfo]


class Precision(StrEnum):
    """The number format of weights and activations."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


class Profile(_Body, frozen=True):
    """How to use this device: chosen by its size, the same for all engines of a run.

    `batch` is how many frames or pictures to make at once; `tiling` asks to decode pictures in tiles;
    `by_parts` to keep on the device only the part of an engine that computes.
    """

    name: str = "cpu"
    precision: Precision = Precision.FP32
    batch: Annotated[int, msgspec.Meta(ge=1)] = 1
    tiling: bool = False
    by_parts: bool = False


class Welcome(_Body, frozen=True):
    """The orchestrator accepts. `verbosity` is the log level to send (a name of `logging`)."""

    schema: Count
    verbosity: str = "INFO"
    profile: Profile = Profile()


class Refused(_Body, frozen=True):
    """The orchestrator does not accept; the worker prints the reason and exits."""

    reason: str


class Load(_Body, frozen=True):
    """Bring an engine's weights into host memory."""

    engine: Identifier


class Loaded(_Body, frozen=True):
    """The engine is loaded; it took so many seconds."""

    engine: Identifier
    seconds: Seconds


class Run(_Body, frozen=True):
    """Do this task (loading its engine first where that has not happened)."""

    task: Task


class Cancel(_Body, frozen=True):
    """Stop this attempt; the worker answers `Failed` with code `cancelled`."""

    task_id: Identifier
    attempt: Count


class Progress(_Body, frozen=True):
    """`done` of `total` units of `phase` are complete; `eta` seconds remain, None while unknown.

    `total` 0 means that the end is not known.
    """

    task_id: Identifier
    attempt: Count
    phase: str
    done: Count
    total: Count
    eta: Seconds | None = None


class Chunk(_Body, frozen=True):
    """A piece of a result while it is made; its bytes are the bulk frame behind this message."""

    task_id: Identifier
    attempt: Count
    name: Identifier
    sequence: Count
    last: bool = False


class Result(_Body, frozen=True):
    """A task is done. `timings` are seconds by phase."""

    task_id: Identifier
    attempt: Count
    artifacts: list[Artifact]
    outcome: Outcome
    timings: dict[str, Seconds]
    peaks: Peaks


class Failed(_Body, frozen=True):
    """A task or a load failed. `code` names a class of `shared_schema.errors`.

    `task_id` is empty where the failure was not a task's.
    """

    task_id: str
    attempt: Count
    code: Identifier
    message: str
    hint: str = ""
    traceback: str = ""


class Grant(_Body, frozen=True):
    """The device is yours for this epoch. `device` is a GPU's UUID or "cpu"; `bytes` what to stay within."""

    epoch: Count
    device: str
    bytes: Count = 0


class ReleaseMode(StrEnum):
    """How far to let go: keep weights in host memory, drop them, or end the process."""

    OFFLOAD = "offload"
    UNLOAD = "unload"
    EXIT = "exit"


class Release(_Body, frozen=True):
    """Give the device back."""

    epoch: Count
    mode: ReleaseMode


class Released(_Body, frozen=True):
    """The device is given back. Bytes this process held, by its own account, before and after."""

    epoch: Count
    held_before: Count
    held_after: Count


class Ping(_Body, frozen=True):
    """Are you there?"""

    sequence: Count


class Pong(_Body, frozen=True):
    """I am. `phase` is what the worker does; `beats` grows with every sign of progress."""

    sequence: Count
    phase: str
    beats: Count


class Log(_Body, frozen=True):
    """One record of a worker's log, for people; the full log is in the worker's file."""

    level: str
    logger: str
    message: str


class Shutdown(_Body, frozen=True):
    """Finish orderly and exit within `grace` seconds."""

    grace: Seconds = 5.0


Message = (
    Hello | Welcome | Refused | Load | Loaded | Run | Cancel | Progress | Chunk | Result | Failed
    | Grant | Release | Released | Ping | Pong | Log | Shutdown
)  # fmt: skip

KINDS: dict[str, type[Message]] = {
    kind.__name__.lower(): kind
    for kind in (
        Hello, Welcome, Refused, Load, Loaded, Run, Cancel, Progress, Chunk, Result, Failed,
        Grant, Release, Released, Ping, Pong, Log, Shutdown,
    )
}  # fmt: skip
"""Message types by the kind that stands first on the wire."""
