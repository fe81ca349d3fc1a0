"""From a job's journal to a picture of its time: who worked, who waited, who owned the device.

    tts worker      tasks      [ tts (hibari)  [loading][speaking] ]
                    waiting    [ waits for the device ]
                    process    [ process 4711 ............ ]
    GPU, name       owner      [ tts ][ vision, then its release ]
                    counters   what each may hold, what it was seen to hold

What a worker that died left open ends with it; what was open at the end of the journal ends there.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from orchestrator.gpu.device import Device
from orchestrator.gpu.events import (
    Ended,
    Event,
    Freed,
    Granted,
    HandedOver,
    Phase,
    Started,
    TaskBegan,
    TaskEnded,
    Waiting,
    Withdrawn,
)
from orchestrator.journal import Header
from orchestrator.tracks import Group, Slice, encode

__all__ = ["render"]


def render(header: Header, events: Sequence[Event]) -> bytes:
    """The trace of a job as JSON for Perfetto (https://ui.perfetto.dev)."""
    picture = _Picture(header.devices)
    for event in sorted(events, key=lambda each: each.at):
        picture.draw(event)
    about = msgspec.to_builtins(header)
    last = max((event.at for event in events), default=0.0)
    return encode(picture.groups, last, about)


class _Picture:
    """The groups of tracks, and what is open on them."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = {device.uuid: Group(f"{device.kind}: {device.name}") for device in devices}
        self._workers: dict[str, Group] = {}
        self._processes: dict[str, Slice] = {}
        self._waits: dict[tuple[str, str], list[Slice]] = {}
        self._tasks: dict[tuple[str, int], Slice] = {}
        self._running: dict[str, Slice] = {}
        self._owners: dict[tuple[str, str], Slice] = {}

    @property
    def groups(self) -> list[Group]:
        """Devices above, then workers in the order in which they came."""
        return [*self._devices.values(), *self._workers.values()]

    def draw(self, event: Event) -> None:
        """Add what happened."""
        match event:
            case Started():
                self._started(event)
            case Ended():
                self._ended(event)
            case Waiting():
                self._waiting(event)
            case Withdrawn():
                self._waited(event)
            case TaskBegan():
                self._task_began(event)
            case Phase():
                self._phase(event)
            case TaskEnded():
                self._task_ended(event)
            case Granted() | Freed() | HandedOver():
                self._draw_device(event)

    def _draw_device(self, event: Granted | Freed | HandedOver) -> None:
        match event:
            case Granted():
                self._granted(event)
            case Freed():
                self._freed(event)
            case HandedOver():
                name = f"{event.source} -> {event.target}"
                self._device(event.device).note(event.at, name, seconds=event.seconds, bytes=event.bytes)

    def _worker(self, name: str) -> Group:
        if name not in self._workers:
            # In this order the tracks are shown, also where a process is the first to be heard of.
            tracks: dict[str, list[Slice]] = {"tasks": [], "waiting": [], "process": []}
            self._workers[name] = Group(f"{name} worker", tracks)
        return self._workers[name]

    def _device(self, uuid: str) -> Group:
        return self._devices.setdefault(uuid, Group(f"device {uuid}"))

    def _started(self, event: Started) -> None:
        group = self._worker(event.worker)
        before = self._processes.get(event.worker)
        if before is not None:
            before.close(event.at)
            group.note(event.at, f"replaced by process {event.pid}", before=before.args["pid"])
        args = {"pid": event.pid, "device": event.device}
        self._processes[event.worker] = group.add(
            "process", Slice(f"process {event.pid}", event.at, args=args)
        )

    def _ended(self, event: Ended) -> None:
        group = self._worker(event.worker)
        group.note(event.at, f"ended: {event.why}" if event.why else "ended", pid=event.pid)
        process, task = self._processes.get(event.worker), self._running.pop(event.worker, None)
        if process is not None:
            process.close(event.at)
        if task is not None:
            task.args["process_ended"] = event.why
            task.close(event.at)

    def _waiting(self, event: Waiting) -> None:
        args = {"job": event.job, "device": event.device, "needs": event.needs}
        wait = self._worker(event.worker).add("waiting", Slice("waits for the device", event.at, args=args))
        self._waits.setdefault((event.job, event.worker), []).append(wait)

    def _waited(self, event: TaskBegan | Withdrawn) -> None:
        waits = self._waits.get((event.job, event.worker))
        if waits:
            waits.pop(0).close(event.at)

    def _task_began(self, event: TaskBegan) -> None:
        self._waited(event)
        args = {"job": event.job, "task": event.task, "attempt": event.attempt}
        task = Slice(f"{event.stage} ({event.engine})", event.at, args=args)
        self._worker(event.worker).add("tasks", task)
        self._tasks[event.task, event.attempt] = self._running[event.worker] = task

    def _phase(self, event: Phase) -> None:
        task = self._tasks.get((event.task, event.attempt))
        if task is None or task.end is not None:
            return
        for before in task.inner:
            before.close(event.at)
        task.inner.append(Slice(event.name, event.at))

    def _task_ended(self, event: TaskEnded) -> None:
        task = self._tasks.get((event.task, event.attempt))
        if task is None:
            return
        task.close(event.at)
        if self._running.get(event.worker) is task:
            del self._running[event.worker]
        seconds = round((task.end or event.at) - task.begin, 3)
        task.args.update(seconds=seconds, host_peak=event.host_peak, gpu_peak=event.gpu_peak)
        if event.failure:
            task.args["failure"] = event.failure

    def _granted(self, event: Granted) -> None:
        group = self._device(event.device)
        self._close_ownership(event.device, event.worker, event.at)
        args = {"epoch": event.epoch, "may_hold": event.bytes}
        self._owners[event.device, event.worker] = group.add(
            "owner", Slice(event.worker, event.at, args=args)
        )
        group.count(f"{event.worker} may hold", event.at, event.bytes)

    def _freed(self, event: Freed) -> None:
        """It was asked for `seconds` earlier: there the ownership ends and the release begins."""
        group = self._device(event.device)
        asked = event.at - event.seconds
        owner = self._close_ownership(event.device, event.worker, asked)
        begin = max(asked, 0.0) if owner is None or owner.end is None else owner.end
        release = Slice(
            f"{event.worker}: {event.mode}",
            begin,
            event.at,
            {"epoch": event.epoch, "before": event.before, "after": event.after, "said_s": event.said_s},
        )
        group.add("owner", release)
        group.count(f"{event.worker} may hold", event.at, 0)
        group.count(f"{event.worker} held", begin, event.before)
        group.count(f"{event.worker} held", event.at, event.after)

    def _close_ownership(self, device: str, worker: str, at: float) -> Slice | None:
        owner = self._owners.pop((device, worker), None)
        if owner is not None:
            owner.close(max(at, owner.begin))
        return owner
