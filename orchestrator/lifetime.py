"""A worker's process from start to end: watched, given up, ended; and the one reason that all are told.

    running ──dies, hangs, is failed──> failed: `failure` says why, the process group is killed
       └──ends as it was asked to─────> spent:  `failure` says that, and is no error

Whatever the cause, `on_gone` is called when the process was reaped, and never before.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.exits import Circumstances, explain_exit, tail
from orchestrator.liveness import Deadlines, Liveness
from orchestrator.process import Launch, Lifeline, WorkerProcess
from shared_schema.device_errors import DEVICE_FAILED_STATUS
from shared_schema.errors import WorkerCrashed, WorkerError, WorkerHung

__all__ = ["Lifetime", "Surroundings"]


def _none_killed() -> int:
    return 0


@dataclass(frozen=True)
class Surroundings:
    """What a lifetime asks of, and tells to, whoever is around it.

    `ping(number)` sends a ping; `ended(error)` hears once that nothing will be answered any more;
    `gone()` that the process was reaped. `last_words()` waits for what it may have said before it left.
    `oom_kills` counts what the kernel ended for want of memory.
    """

    ping: Callable[[int], Awaitable[None]]
    ended: Callable[[WorkerError], None]
    gone: Callable[[], None]
    last_words: Callable[[], Awaitable[None]]
    oom_kills: Callable[[], int] = _none_killed


class Lifetime:
    """One start of one worker. `log_file` None is the terminal; `peak` the most bytes known of it."""

    def __init__(
        self, launch: Launch, log_file: Path | None, deadlines: Deadlines, around: Surroundings
    ) -> None:
        self.process = WorkerProcess(launch, log_file)
        self.liveness = Liveness(deadlines, around.ping, self._hung)
        self.failure: WorkerError | None = None
        self.spent = False
        self.ending = False
        """Whether its end was asked for."""
        self.peak = 0
        self._name = launch.name
        self._deadlines = deadlines
        self._around = around
        self._verdict: WorkerError | None = None
        self._watchers: list[asyncio.Task[None]] = []

    async def start(self, endpoint: str, lifeline: Lifeline) -> None:
        """Start the process and watch it. WorkerCrashed where it cannot be started."""
        killed_before = self._around.oom_kills()
        try:
            await self.process.start(endpoint, lifeline)
        except OSError as error:
            cause = WorkerCrashed(f"The {self._name} worker could not be started: {error}.")
            raise self.fail(cause) from error
        self.liveness.sign("starting")
        self._watchers = [
            asyncio.create_task(self._watch_exit(killed_before)),
            asyncio.create_task(self.liveness.watch()),
        ]

    async def gone(self) -> bool:
        """Wait until the process was reaped, at most `Deadlines.stopping`; whether it was."""
        if self._watchers:
            await asyncio.wait(self._watchers[:1], timeout=self._deadlines.stopping)
        return not self.process.running

    async def ended(self) -> None:
        """Wait until the process is gone. Raises why, unless that was asked for."""
        await asyncio.gather(*self._watchers[:1])
        if self.failure is not None and not self.spent:
            raise self.failure

    async def stop(self, goodbye: Callable[[], Awaitable[None]]) -> None:
        """End it: orderly, after `goodbye()`, while it listens; by force where it does not."""
        self.ending = True
        if self.process.running:
            if self.failure is None and self.liveness.phase != "starting":
                await goodbye()
            else:
                self.process.signal_group(signal.SIGKILL)
            await self.process.stop(self._deadlines.stopping)
        await self.gone()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    def fail(self, error: WorkerError) -> WorkerError:
        """Give up on this process, and kill it; the reason in force, which is the first one given."""
        if self.failure is None:
            error.traceback = error.traceback or tail(self.process.log)
            self.failure = error
            self.process.signal_group(signal.SIGKILL)
            self._around.ended(error)
        return self.failure

    async def give_up(self, error: WorkerError) -> WorkerError:
        """As `fail`, with the process's stacks in its log first; the reason in force."""
        if self._verdict is None:
            self._verdict = error
            # Its faulthandler writes every thread's stack to the log, even while native code hangs.
            self.process.signal_group(signal.SIGUSR1)
            await asyncio.sleep(min(1.0, self._deadlines.ping_interval))
        return self.fail(self._verdict)

    async def _hung(self, deadline: float) -> None:
        where = f"Its stack is in {self.process.log}." if self.process.log else ""
        phase = self.liveness.phase
        await self.give_up(
            WorkerHung(f"The {self._name} worker made no progress for {deadline:g} s while {phase}.", where)
        )

    async def _watch_exit(self, killed_before: int) -> None:
        status = await self.process.wait()
        self._watchers[1].cancel()
        if status in (0, DEVICE_FAILED_STATUS):
            await self._around.last_words()
        if self.ending and (status == 0 or self.liveness.phase != "releasing"):
            self._spend()
        elif self._verdict is not None:
            self.fail(self._verdict)
        else:
            starved = self._around.oom_kills() > killed_before
            known = Circumstances(
                self._name, self.liveness.phase, self.process.log, self.peak, out_of_memory=starved
            )
            self.fail(explain_exit(status, known))
        self._around.gone()

    def _spend(self) -> None:
        if self.failure is None:
            self.spent = True
            self.failure = WorkerError(f"The {self._name} worker has ended, as it was asked to.")
            self._around.ended(self.failure)
