"""Sees from outside that no two workers hold the device at once: at each grant, and all the time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import psutil

from orchestrator.gpu.events import Ended, Event, Freed, Granted, Started
from tests.support.block_worker import CONTEXT

__all__ = ["Referee", "too_many_owners"]

INTERVAL = 0.002
"""Seconds between two looks."""


def resident(pid: int) -> int:
    """Bytes of a process; 0 where it is gone."""
    try:
        held: int = psutil.Process(pid).memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return held


@dataclass
class Referee:
    """Measures resident memory, in a thread of its own, beside the events. A context manager.

    `most` is how many workers may be above their context at once. `looks` counts looks at all workers
    between two grants: one in which a grant was made proves nothing, since not all is seen in one instant.
    """

    most: int
    looks: int = 0
    seen_above: int = 0
    violations: list[str] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)
    _grants: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="referee")
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def hear(self, event: Event) -> None:
        """Follow who lives; at a grant, see what the others hold at that very moment."""
        if isinstance(event, Started):
            self.pids = {**self.pids, event.worker: event.pid}
        elif isinstance(event, Ended) and self.pids.get(event.worker) == event.pid:
            self.pids = {worker: pid for worker, pid in self.pids.items() if worker != event.worker}
        elif isinstance(event, Granted):
            self._grants += 1
            above = self._above(lambda worker: worker != event.worker)
            if len(above) >= self.most:
                self.violations.append(f"{event.worker} was granted epoch {event.epoch} beside {above}")

    def _above(self, which: Callable[[str], bool] = lambda _worker: True) -> dict[str, int]:
        held = {worker: resident(pid) for worker, pid in self.pids.items() if which(worker)}
        return {worker: size for worker, size in held.items() if size > CONTEXT}

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL):
            grants = self._grants
            above = self._above()
            if grants != self._grants:
                continue
            self.looks += 1
            self.seen_above = max(self.seen_above, len(above))
            if len(above) > self.most:
                self.violations.append(f"after grant {grants} there were {above}")


def too_many_owners(events: list[Event], most: int) -> list[str]:
    """Where in the stream of events more workers owned the device than may."""
    owners: dict[str, int] = {}
    wrong = []
    for event in events:
        if isinstance(event, Freed):
            owners.pop(event.worker, None)
        elif isinstance(event, Granted):
            owners[event.worker] = event.epoch
            if len(owners) > most:
                wrong.append(f"at {event.at:.3f} s: {owners}")
    return wrong
