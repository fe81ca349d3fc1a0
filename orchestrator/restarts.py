"""How often, and how soon, a worker that failed is started again. Pure policy: no process, no real time.

first start, or after an end that was asked for ──> at once
after a failure ──> later each time, `starts` times within `window`; then refused until the window passed
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared_schema.errors import RestartLimit, WorkerError

__all__ = ["RestartPolicy", "Restarts"]


@dataclass(frozen=True)
class RestartPolicy:
    """At most `starts` restarts within `window` seconds; before the n-th, `pauses[n]` seconds of rest.

    Restarts beyond the last pause wait as long as that.
    """

    starts: int = 5
    window: float = 60.0
    pauses: tuple[float, ...] = (0.0, 0.1, 0.5, 2.0, 5.0)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Restarts:
    """The restarts of one orchestrator's workers, counted by worker."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._times: dict[str, deque[float]] = {}

    async def admit(self, worker: str, failure: WorkerError | None) -> None:
        """Wait until a worker may start. `failure` is how its last start ended, None where well.

        RestartLimit, with that failure's message and last words, where it failed too often of late.
        """
        if failure is None:
            return
        now = self._policy.clock()
        times = self._times.setdefault(worker, deque())
        while times and now - times[0] >= self._policy.window:
            times.popleft()
        if len(times) >= self._policy.starts:
            raise self._refusal(worker, failure, times[0] + self._policy.window - now)
        pause = self._policy.pauses[min(len(times), len(self._policy.pauses) - 1)]
        if pause:
            await self._policy.sleep(pause)
        times.append(self._policy.clock())

    def _refusal(self, worker: str, last: WorkerError, wait: float) -> RestartLimit:
        return RestartLimit(
            f"The {worker} worker was restarted {self._policy.starts} times within"
            f" {self._policy.window:g} s and failed each time. The last time: {last.message}",
            f"It may be started again in {wait:.0f} s. {last.hint}".strip(),
            traceback=last.traceback,
        )
