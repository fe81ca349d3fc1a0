"""What a person should hear of devices and workers while stages run, as lines.

GPU: vision -> lipsync 0.4 s, 6.9 GB      the device went on: after this time, with so much given back
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from orchestrator.gpu.device import HOST
from orchestrator.gpu.events import (
    Ended,
    Event,
    Freed,
    Granted,
    HandedOver,
    Started,
    TaskBegan,
    TaskEnded,
    Waiting,
    Withdrawn,
)
from orchestrator.words import duration, size

__all__ = ["News", "kind_of"]

LASTING = 3.0
"""Seconds after which waiting for other programs is news."""


def kind_of(device: str) -> str:
    """What a person is told that a device is."""
    return "RAM" if device == HOST else "GPU"


class News:
    """Passes lines on to `say`. Hears events in an event loop; `close` when the run is over."""

    def __init__(self, say: Callable[[str], None], *, lasting: float = LASTING) -> None:
        self._say = say
        self._lasting = lasting
        self._holders: defaultdict[str, set[str]] = defaultdict(set)
        # Of a worker's death, whoever has it start or run a task tells himself.
        self._idle: set[str] = set()
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def hear(self, event: Event) -> None:
        """Take an event in, and say what is worth it."""
        line = self._line(event)
        if line:
            self._say(line)
        match event:
            case Waiting():
                self._wait(event)
            case Withdrawn():
                self._stop_waiting((event.job, event.worker))
            case TaskBegan():
                self._stop_waiting((event.job, event.worker))
                self._idle.discard(event.worker)
            case TaskEnded(failure="") | Started():
                self._idle.add(event.worker)
            case Granted():
                self._holders[event.device].add(event.worker)
            case Freed():
                self._holders[event.device].discard(event.worker)

    def _line(self, event: Event) -> str:
        match event:
            case HandedOver():
                took = f"{duration(event.seconds)}, {size(event.bytes)}"
                return f"{kind_of(event.device)}: {event.source} -> {event.target} {took}"
            case Freed(mode="ended") if event.before > event.after:
                back = f"{size(event.before - event.after)} came back after {duration(event.seconds)}"
                return f"{kind_of(event.device)}: the process of {event.worker} is gone; {back}"
            case Ended() if event.worker in self._idle:
                return event.why
        return ""

    def close(self) -> None:
        """Say nothing more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _wait(self, event: Waiting) -> None:
        key = (event.job, event.worker)
        self._stop_waiting(key)
        self._timers[key] = asyncio.get_running_loop().call_later(self._lasting, self._lasts, event)

    def _stop_waiting(self, key: tuple[str, str]) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _lasts(self, event: Waiting) -> None:
        if self._holders[event.device]:
            # One of ours works on it: that needs no word, unless somebody else is in the way after it.
            self._wait(event)
            return
        kind = kind_of(event.device)
        self._say(f"{kind}: {event.worker} waits for {size(event.needs)}; other programs hold the {kind}")
