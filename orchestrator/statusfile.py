"""What an orchestrator does right now, as a file in its run directory: for `avatar status`.

The file is replaced whole, so that a reader never sees half of it, and is gone with the directory.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from orchestrator import locks
from orchestrator.gpu.device import Device
from orchestrator.gpu.events import (
    Ended,
    Event,
    Freed,
    Granted,
    Phase,
    Started,
    TaskBegan,
    TaskEnded,
    Waiting,
    Withdrawn,
)
from orchestrator.gpu.profiles import Settings
from shared_schema import paths

__all__ = [
    "INTERVAL",
    "NAME",
    "DeviceStatus",
    "Owner",
    "Status",
    "StatusFile",
    "Waiter",
    "WorkerStatus",
    "all_running",
]

NAME = "status.json"
INTERVAL = 0.1
"""Seconds between two writings, at least."""

log = logging.getLogger(__name__)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that owns a device; `bytes` is what it may hold."""

    worker: str
    epoch: int
    bytes: int
    since: datetime


class Waiter(msgspec.Struct, frozen=True, kw_only=True):
    """A task that waits for a device. `needs` in bytes."""

    job: str
    worker: str
    needs: int
    since: datetime


class DeviceStatus(msgspec.Struct, kw_only=True):
    """A device and how it is used; bytes. `why` is a sentence on the profile."""

    uuid: str
    name: str
    kind: str
    total: int
    budget: int
    lease: str
    release: str
    profile: str
    why: str
    owners: list[Owner] = []
    waiting: list[Waiter] = []

    @classmethod
    def of(cls, device: Device, choice: Settings) -> DeviceStatus:
        """A device that nobody owns yet, used like this."""
        return cls(
            uuid=device.uuid,
            name=device.name,
            kind=device.kind,
            total=device.total,
            budget=device.budget,
            lease=choice.mode.value,
            release=choice.way.value,
            profile=choice.profile.name,
            why=choice.why,
        )


class WorkerStatus(msgspec.Struct, kw_only=True):
    """A worker's process, what it does, and since when."""

    name: str
    pid: int
    device: str
    doing: str
    since: datetime


class Status(msgspec.Struct, kw_only=True):
    """All that one orchestrator says of itself."""

    pid: int
    started: datetime
    title: str
    devices: list[DeviceStatus]
    workers: list[WorkerStatus] = []


class StatusFile:
    """Listens to events in an event loop and keeps the file true. A context manager.

    It is written at most every `INTERVAL`; the last state is always written. Where that fails, `warn`
    is told once, in a sentence, and the run goes on.
    """

    def __init__(
        self,
        folder: Path,
        title: str,
        devices: Sequence[DeviceStatus],
        *,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        self._path = folder / NAME
        self._warn = warn
        self._status = Status(pid=os.getpid(), started=datetime.now(UTC), title=title, devices=list(devices))
        self._stages: dict[str, str] = {}
        self._written = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._write()

    def __call__(self, event: Event) -> None:
        """Take an event in; the file follows within `INTERVAL`."""
        self._apply(event, datetime.now(UTC))
        if self._closed or self._timer is not None:
            return
        wait = self._written + INTERVAL - time.monotonic()
        if wait <= 0:
            self._write()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._write)

    def close(self) -> None:
        """Write no more: the directory is about to go."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self) -> None:
        self._timer = None
        partial = self._path.with_suffix(".part")
        try:
            partial.write_bytes(msgspec.json.encode(self._status))
            partial.replace(self._path)
        except OSError as error:
            self.close()
            self._warn(f"The status {self._path} cannot be written: {error.strerror}. The run goes on.")
        self._written = time.monotonic()

    def _apply(self, event: Event, now: datetime) -> None:
        match event:
            case Started():
                self._forget(event.worker)
                self._status.workers.append(
                    WorkerStatus(
                        name=event.worker, pid=event.pid, device=event.device, doing="idle", since=now
                    )
                )
            case Ended():
                self._forget(event.worker, event.pid)
            case TaskBegan():
                self._stages[event.worker] = event.stage
                self._stop_waiting(event.job, event.worker)
                self._does(event.worker, event.stage, now)
            case Phase():
                stage = self._stages.get(event.worker, "")
                self._does(event.worker, f"{stage}: {event.name}", now)
            case TaskEnded():
                self._does(event.worker, "idle", now)
            case Withdrawn():
                self._stop_waiting(event.job, event.worker)
            case Waiting() | Granted() | Freed():
                self._apply_to_device(event, now)

    def _apply_to_device(self, event: Waiting | Granted | Freed, now: datetime) -> None:
        device = next((each for each in self._status.devices if each.uuid == event.device), None)
        if device is None:
            return
        if isinstance(event, Waiting):
            device.waiting.append(Waiter(job=event.job, worker=event.worker, needs=event.needs, since=now))
            return
        device.owners = [owner for owner in device.owners if owner.worker != event.worker]
        if isinstance(event, Granted):
            device.owners.append(Owner(worker=event.worker, epoch=event.epoch, bytes=event.bytes, since=now))

    def _forget(self, worker: str, pid: int | None = None) -> None:
        """A worker's process is no more; with `pid`, only where it is that one."""
        self._status.workers = [
            each
            for each in self._status.workers
            if each.name != worker or (pid is not None and each.pid != pid)
        ]

    def _stop_waiting(self, job: str, worker: str) -> None:
        for device in self._status.devices:
            for waiter in device.waiting:
                if (waiter.job, waiter.worker) == (job, worker):
                    device.waiting.remove(waiter)
                    return

    def _does(self, worker: str, doing: str, now: datetime) -> None:
        for each in self._status.workers:
            if each.name == worker and each.doing != doing:
                each.doing, each.since = doing, now


def all_running() -> list[Status]:
    """What the orchestrators under this AVATAR_HOME say of themselves, the oldest first."""
    found = []
    for path in paths.runtime_dir().glob(f"*/{NAME}"):
        try:
            content = path.read_bytes()
            # A file of a killed one says what was; its lock says that it is no more.
            if locks.is_held(path.with_name(locks.LOCK_NAME)):
                found.append(msgspec.json.decode(content, type=Status))
        except FileNotFoundError:  # it has just ended
            continue
        except msgspec.MsgspecError as error:
            log.warning("%s was written by another version: %s", path, error)
    return sorted(found, key=lambda status: status.started)
