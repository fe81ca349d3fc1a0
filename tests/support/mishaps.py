"""What goes wrong in a soak, by name: what a task does to its worker, what is done from outside, and when."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.gpu.events import Event, Granted
from orchestrator.gpu.host import HostMeter
from orchestrator.gpu.keeper import Keeper
from orchestrator.gpu.tenant import Standing
from orchestrator.worker import Worker
from shared_schema.errors import DeviceFailed
from shared_schema.messages import Progress
from tests.support.blocks import WORKERS, Blocks
from tests.support.processes import alive

__all__ = ["MISHAPS", "Mishaps", "Order"]


ONCE = {
    "killed in the task": "kill",
    "stopped in the task": "stop",
    "lies at the release": "lie",
    "dies at the release": "die",
    "mute at the release": "mute",
}
"""What a task tells its engine at the first attempt (`tests.support.block_worker`)."""

ALWAYS = {
    "kills every worker": "kill",
    "cancelled while running": "wait",
    "cancelled twice": "wait",
    "cancelled and deaf": "deaf",
}
"""The same at every attempt."""

TRAPS = (
    "cancelled while granted",
    "cancelled when its turn has come",
    "withdrawn while room is made",
    "killed between Released and the measurement",
    "killed while granted",
    "meter fails",
)
"""What waits for its moment, and befalls whoever is there then."""

AFTERWARDS = (
    "killed while idle",
    "stopped while idle",
    "killed while idle and at the next start",
    "two killed at once",
)
"""What is done to processes when the task is over."""

MISHAPS = (
    *ONCE,
    *ALWAYS,
    *TRAPS,
    *AFTERWARDS,
    "cancelled while waiting",
    "left at once",
    "mistake of the holder",
)


@dataclass(frozen=True)
class Order:
    """A task to be done by a worker, and what shall go wrong with it."""

    name: str
    worker: str
    mishap: str = ""

    def behaviour(self, attempt: int) -> str:
        """What its engine is told to do at this attempt."""
        first = ONCE.get(self.mishap, "ok") if attempt == 1 else "ok"
        return ALWAYS.get(self.mishap, first)


class Meddler(HostMeter):
    """Measures as the host's meter does, and lets a mishap happen right before."""

    def __init__(self) -> None:
        self.before: Callable[[int], None] = lambda _pid: None

    def held(self, pid: int) -> int:
        self.before(pid)
        return super().held(pid)


class Mishaps:
    """Lets mishaps happen, each when its moment has come. `happened` counts those that did."""

    def __init__(self) -> None:
        self.meter = Meddler()
        self.meter.before = self._before_measuring
        self.happened: Counter[str] = Counter()
        self.may_be_cancelled: set[str] = set()
        self._armed: list[str] = []
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._stops = 0

    def attach(self, made: Blocks) -> None:
        """These are the workers."""
        self._made = made

    @property
    def _keeper(self) -> Keeper:
        (keeper,) = self._made.arbiter.keepers.values()
        return keeper

    def watch(self, order: Order, task: asyncio.Task[object]) -> None:
        """A task was ordered."""
        self._tasks[order.name] = task
        if order.mishap in TRAPS:
            self._armed.append(order.mishap)
        elif order.mishap == "cancelled while waiting":
            self._happen(order.mishap)
            asyncio.get_running_loop().call_later(0.01, self._cancel, order.name)
        elif order.mishap in (*ONCE, *ALWAYS):
            self._happen(order.mishap)

    def turn(self, order: Order) -> None:
        """It is a task's turn."""
        if order.mishap in ("left at once", "mistake of the holder"):
            self._happen(order.mishap)

    def heard(self, order: Order, progress: Progress) -> None:
        """A task's worker reported."""
        if progress.phase == "holding" and order.mishap.startswith("cancelled"):
            self._cancel(order.name)
            if order.mishap == "cancelled twice":
                asyncio.get_running_loop().call_later(0.001, self._cancel, order.name)

    def after(self, order: Order) -> None:
        """A task was answered."""
        del self._tasks[order.name]
        if order.mishap not in AFTERWARDS:
            return
        self._happen(order.mishap)
        number = signal.SIGSTOP if order.mishap == "stopped while idle" else signal.SIGKILL
        others = WORKERS if order.mishap == "two killed at once" else ()
        for worker in {order.worker, *others[:2]}:
            self._signal(worker, number)
        if order.mishap == "killed while idle and at the next start":
            self._kill_the_next(order.worker, self._made.supervisor._latest[order.worker], self._stops)

    def stop(self) -> None:
        """What still waits for its moment shall not happen."""
        self._stops += 1
        self._armed.clear()

    def hear(self, event: Event) -> None:
        """Something happened: perhaps it is what a trap waits for."""
        if not isinstance(event, Granted):
            return
        running = self._keeper.lease.tenants[event.worker].running
        task = self._tasks.get(running.job) if running is not None else None
        if running is None or task is None:
            return
        if self._spring("cancelled while granted"):
            self._cancel(running.job)
        elif self._spring("cancelled when its turn has come"):
            asyncio.get_running_loop().call_soon(self._cancel, running.job)
        elif self._spring("killed while granted"):
            self._signal(event.worker, signal.SIGKILL)

    def _before_measuring(self, pid: int) -> None:
        keeper = self._keeper
        names = [name for name, known in keeper._ledger.pids.items() if known == pid]
        tenant = keeper.lease.tenants[names[0]] if names else None
        if tenant is None or tenant.standing is not Standing.RELEASING:
            return
        chosen = keeper.lease.plan.find(keeper.lease._chosen)
        if chosen is not None and chosen.job in self._tasks and self._spring("withdrawn while room is made"):
            self._cancel(chosen.job)
        elif tenant.said_so and self._spring("killed between Released and the measurement"):
            self._signal(tenant.worker, signal.SIGKILL)
        elif self._spring("meter fails"):
            raise DeviceFailed("The device is lost, for once.")

    def _spring(self, trap: str) -> bool:
        if trap not in self._armed:
            return False
        self._armed.remove(trap)
        self._happen(trap)
        return True

    def _cancel(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is not None:
            self.may_be_cancelled.add(name)
            task.cancel()

    def _signal(self, worker: str, number: signal.Signals) -> None:
        """Signal a worker's process, if it has one that lives."""
        latest = self._made.supervisor._latest.get(worker)
        if latest is not None and latest.process.running and alive(latest.process.pid):
            os.kill(latest.process.pid, number)

    def _kill_the_next(self, name: str, last: Worker, stops: int) -> None:
        """Kill the process that follows this one, while it starts."""
        latest = self._made.supervisor._latest[name]
        if latest is not last and latest.process.running:
            self._signal(name, signal.SIGKILL)
        elif stops == self._stops:
            asyncio.get_running_loop().call_later(0.005, self._kill_the_next, name, last, stops)

    def _happen(self, mishap: str) -> None:
        self.happened[mishap] += 1
