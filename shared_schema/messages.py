"""Every message, typed. On the wire each is one frame, `[kind, version, body]`, bulk frames behind it.

    orchestrator                                    worker
         │ <───────────────── Hello ────────────────── │   who I am, what I can do
         │ ───────────────── Welcome ────────────────> │   or Refused, with the reason
         │ ────────── Load · Run · Cancel ───────────> │
         │ ────────── Chunk, of a live input ────────> │
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

from shared_schema.capabilities import EngineInfo, Memory, Precision, Profile
from shared_schema.fields import Body, Count, Digest, Identifier, RelativePath, Seconds
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


class FileRef(Body, frozen=True):
    """A file in the job's folder: its relative path, SHA-256 in hexadecimal, and size in bytes."""

    path: RelativePath
    sha256: Digest
    size: Count


class Artifact(Body, frozen=True):
    """A file that a task made. `name` is its role (speech, timings, portrait, face, video)."""

    name: Identifier
    file: FileRef


class Task(Body, frozen=True):
    """One run of one engine: same inputs, parameters and seed, same artifacts.

    `live` are inputs that are in no file: they come as chunks while the task runs.
    """

    id: Identifier
    attempt: Annotated[int, msgspec.Meta(ge=1)]
    stage: Stage
    engine: Identifier
    folder: str
    inputs: dict[str, FileRef]
    params: Params
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    live: list[Identifier] = msgspec.field(default_factory=list)


class Peaks(Body, frozen=True):
    """The most memory a worker held during a task, in bytes."""

    rss: Count
    gpu: Count = 0


class Hello(Body, frozen=True):
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


class Welcome(Body, frozen=True):
    """The orchestrator accepts. `verbosity` is the log level to send (a name of `logging`)."""

    schema: Count
    verbosity: str = "INFO"
    profile: Profile = Profile()


class Refused(Body, frozen=True):
    """The orchestrator does not accept; the worker prints the reason and exits."""

    reason: str


class Load(Body, frozen=True):
    """Bring an engine's weights into host memory."""

    engine: Identifier


class Loaded(Body, frozen=True):
    """The engine is loaded; it took so many seconds."""

    engine: Identifier
    seconds: Seconds


class Run(Body, frozen=True):
    """Do this task (loading its engine first where that has not happened)."""

    task: Task


class Cancel(Body, frozen=True):
    """Stop this attempt; the worker answers `Failed` with code `cancelled`."""

    task_id: Identifier
    attempt: Count


class Progress(Body, frozen=True):
    """`done` of `total` units of `phase` are complete; `eta` seconds remain, None while unknown.

    `total` 0 means that the end is not known.
    """

    task_id: Identifier
    attempt: Count
    phase: str
    done: Count
    total: Count
    eta: Seconds | None = None


class Chunk(Body, frozen=True):
    """A piece of a result while it is made, or of a live input; its bytes are the bulk frame behind this
    message.
    """

    task_id: Identifier
    attempt: Count
    name: Identifier
    sequence: Count
    last: bool = False


class Result(Body, frozen=True):
    """A task is done. `timings` are seconds by phase."""

    task_id: Identifier
    attempt: Count
    artifacts: list[Artifact]
    outcome: Outcome
    timings: dict[str, Seconds]
    peaks: Peaks


class Failed(Body, frozen=True):
    """A task or a load failed. `code` names a class of `shared_schema.errors`.

    `task_id` is empty where the failure was not a task's.
    """

    task_id: str
    attempt: Count
    code: Identifier
    message: str
    hint: str = ""
    traceback: str = ""


class Grant(Body, frozen=True):
    """The device is yours for this epoch. `device` is a GPU's UUID or "cpu"; `bytes` what to stay within."""

    epoch: Count
    device: str
    bytes: Count = 0


class ReleaseMode(StrEnum):
    """How far to let go: keep weights in host memory, drop them, or end the process."""

    OFFLOAD = "offload"
    UNLOAD = "unload"
    EXIT = "exit"


class Release(Body, frozen=True):
    """Give the device back."""

    epoch: Count
    mode: ReleaseMode


class Released(Body, frozen=True):
    """The device is given back. Bytes this process held, by its own account, before and after."""

    epoch: Count
    held_before: Count
    held_after: Count


class Ping(Body, frozen=True):
    """Are you there?"""

    sequence: Count


class Pong(Body, frozen=True):
    """I am. `phase` is what the worker does; `beats` grows with every sign of progress."""

    sequence: Count
    phase: str
    beats: Count


class Log(Body, frozen=True):
    """One record of a worker's log, for people; the full log is in the worker's file."""

    level: str
    logger: str
    message: str


class Shutdown(Body, frozen=True):
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
