"""What happened to devices, workers and tasks, in the order of time.

Events go to whoever listens: the display, the status file, the job's journal. `at` is seconds of the
monotonic clock since the orchestrator's start; `device` a UUID or "cpu"; bytes are measured.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

__all__ = [
    "Ended",
    "Event",
    "Freed",
    "Granted",
    "HandedOver",
    "Listener",
    "Phase",
    "Started",
    "TaskBegan",
    "TaskEnded",
    "Waiting",
    "Withdrawn",
]


class _Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="event"):
    at: float


class Started(_Event, frozen=True, tag="started"):
    """A worker's process said Hello. `device` is the one that it was bound to."""

    worker: str
    pid: int
    device: str


class Ended(_Event, frozen=True, tag="ended"):
    """A worker's process is gone. `why` is a sentence where nobody had asked it to."""

    worker: str
    pid: int
    why: str = ""


class Waiting(_Event, frozen=True, tag="waiting"):
    """A task waits for a device. `needs` in bytes."""

    job: str
    worker: str
    device: str
    needs: int


class Withdrawn(_Event, frozen=True, tag="withdrawn"):
    """A task waits no longer, and did not get the device: it was cancelled or refused."""

    job: str
    worker: str
    device: str


class Granted(_Event, frozen=True, tag="granted"):
    """A worker owns a device from now on; `bytes` is what it may hold."""

    worker: str
    device: str
    epoch: int
    bytes: int


class Freed(_Event, frozen=True, tag="freed"):
    """A worker's share of a device was seen free. `mode` is how it let go (offload, unload, exit, ended).

    `before` and `after` are its bytes as measured; `said_s` is from the request to its Released (0
    where it never said so), `seconds` from the request until the memory was seen free.
    """

    worker: str
    device: str
    epoch: int
    mode: str
    before: int
    after: int
    said_s: float
    seconds: float


class HandedOver(_Event, frozen=True, tag="handed-over"):
    """A device went from one worker to another: `seconds` from request to grant, `bytes` given back."""

    device: str
    source: str
    target: str
    seconds: float
    bytes: int


class TaskBegan(_Event, frozen=True, tag="task-began"):
    """A worker was told to run a task."""

    job: str
    task: str
    attempt: int
    stage: str
    worker: str
    engine: str


class Phase(_Event, frozen=True, tag="phase"):
    """A task entered a phase that its engine names."""

    task: str
    attempt: int
    worker: str
    name: str


class TaskEnded(_Event, frozen=True, tag="task-ended"):
    """A task was answered. `failure` is the error's code, empty where it was done; peaks in bytes."""

    task: str
    attempt: int
    worker: str
    failure: str = ""
    host_peak: int = 0
    gpu_peak: int = 0


Event = (
    Started | Ended | Waiting | Withdrawn | Granted | Freed | HandedOver | TaskBegan | Phase | TaskEnded
)  # fmt: skip

Listener = Callable[[Event], None]
