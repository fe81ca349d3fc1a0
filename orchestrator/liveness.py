"""Whether a worker goes on: pings it, and finds it hung where its phase's deadline passes without progress.

    Pong(phase, beats) ──> hear() ──┐
    Progress, Chunk, answers ──> sign() ──> phase, time of the last sign ──> watch() ──> hung(seconds)

That a pong comes proves little: a thread of its own sends it while native code hangs. Its beats must grow.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared_schema.messages import Pong

__all__ = ["Deadlines", "Liveness"]


@dataclass(frozen=True)
class Deadlines:
    """Seconds without a sign of progress after which a worker counts as hung, by phase.

    `releasing` is also the most that an answer to a Release may take; `stopping` how long a process may
    take to end once asked, and a task to notice that it was cancelled.
    """

    starting: float = 180.0
    loading: float = 600.0
    running: float = 180.0
    releasing: float = 30.0
    idle: float = 60.0
    stopping: float = 5.0
    ping_interval: float = 1.0

    def of(self, phase: str) -> float:
        """The deadline of a phase as workers name them."""
        first = phase.partition(" ")[0]
        if first == "starting" and phase != "starting":
            return self.running  # "starting ENGINE" is a task's first phase
        named = {
            "starting": self.starting,
            "loading": self.loading,
            "releasing": self.releasing,
            "idle": self.idle,
        }
        return named.get(first, self.running)


class Liveness:
    """The signs of life of one worker, from its start on.

    `ping(number)` sends one; `hung(seconds)` is told once that no progress was seen for that long.
    """

    def __init__(
        self,
        deadlines: Deadlines,
        ping: Callable[[int], Awaitable[None]],
        hung: Callable[[float], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.phase = "starting"
        self.occupied = False
        """Whether the worker was given something to do: then to be idle is no progress."""
        self._deadlines = deadlines
        self._ping = ping
        self._hung = hung
        self._clock = clock
        self._sleep = sleep
        self._beats = 0
        self._last_sign = clock()

    def sign(self, phase: str) -> None:
        """It went on, and is in this phase."""
        self.phase = phase
        self._last_sign = self._clock()

    def hear(self, pong: Pong) -> None:
        """A beat is a sign of progress. To be idle is one too, unless there is something to do."""
        waiting = pong.phase == "idle" and not self.occupied
        if pong.beats != self._beats or waiting:
            self._beats = pong.beats
            # Sent before the request arrived, "idle" says nothing about it.
            self.sign(self.phase if pong.phase == "idle" and not waiting else pong.phase)

    async def watch(self) -> None:
        """Ping until a deadline has passed; then tell, and end."""
        number = 0
        interval = self._deadlines.ping_interval
        while True:
            asleep = self._clock()
            await self._sleep(interval)
            # Time in which this process itself was stopped or starved proves nothing about the worker.
            self._last_sign += max(0.0, self._clock() - asleep - 2 * interval)
            deadline = self._deadlines.of(self.phase)
            if self._clock() - self._last_sign > deadline:
                await self._hung(deadline)
                return
            if self.phase != "starting":
                number += 1
                await self._ping(number)
