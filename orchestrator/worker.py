"""The orchestrator's handle on one worker: handshake, one task at a time, liveness.

    new ──start──> starting ──Hello is right──> idle <──Result, Failed── running
                      │                          │ └────────Run────────────^ │
                      └── late, wrong, dead ──> failed <──dead, hung─────────┘

A worker that fails is ended and never used again; the supervisor starts a new one on the next need.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.process import Launch, Lifeline, WorkerProcess, describe_exit, tail
from orchestrator.transport import Transport
from shared_schema import SCHEMA_VERSION
from shared_schema.errors import (
    AvatarError,
    HandshakeRefused,
    ProtocolError,
    WorkerCrashed,
    WorkerError,
    WorkerHung,
    from_code,
)
from shared_schema.messages import (
    Cancel,
    Chunk,
    Failed,
    Hello,
    Log,
    Message,
    Ping,
    Pong,
    Progress,
    Refused,
    Result,
    Run,
    Shutdown,
    Task,
    Welcome,
)

__all__ = ["Deadlines", "Listener", "Worker"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deadlines:
    """Seconds without a sign of progress after which a worker counts as hung, by phase."""

    starting: float = 180.0
    loading: float = 600.0
    running: float = 180.0
    idle: float = 60.0
    stopping: float = 5.0
    ping_interval: float = 1.0

    def of(self, phase: str) -> float:
        """The deadline of a phase as workers name them."""
        if phase == "idle":
            return self.idle
        return self.loading if phase.startswith("loading") else self.running


class Listener(Protocol):
    """Who wants to hear of a task while it runs."""

    def progress(self, task: Task, progress: Progress) -> None:
        """A task went on."""

    def chunk(self, task: Task, chunk: Chunk, data: bytes) -> None:
        """A piece of a result came ahead of it."""


@dataclass
class _Current:
    task: Task
    listener: Listener
    answer: asyncio.Future[Result]


class Worker:
    """One worker process, from start to end."""

    def __init__(
        self,
        launch: Launch,
        log_file: Path | None,
        transport: Transport,
        deadlines: Deadlines,
        verbosity: str = "WARNING",
    ) -> None:
        """`log_file` None is the terminal; log records of `verbosity` and above are sent here too."""
        self.name = launch.name
        self.phase = "starting"
        self.process = WorkerProcess(launch, log_file)
        self.failure: WorkerError | None = None
        self._transport = transport
        self._deadlines = deadlines
        self._verbosity = verbosity
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._current: _Current | None = None
        self._busy = asyncio.Lock()
        self._stopping = False
        self._given_up = False
        self._beats = 0
        self._last_sign = time.monotonic()
        self._watchers: list[asyncio.Task[None]] = []

    async def start(self, lifeline: Lifeline) -> Hello:
        """Start the process and shake hands. WorkerError where it dies, is late, or is the wrong one."""
        try:
            await self.process.start(self._transport.endpoint, lifeline)
        except OSError as error:
            raise WorkerCrashed(f"The {self.name} worker could not be started: {error}.") from error
        self._watchers = [asyncio.create_task(self._watch_exit()), asyncio.create_task(self._watch_signs())]
        hello = await self._hello
        await self._transport.send(self.process.identity, Welcome(SCHEMA_VERSION, self._verbosity))
        self._sign("idle")
        return hello

    async def run(self, task: Task, listener: Listener) -> Result:
        """Have the worker do a task. When this call is cancelled, so is the task.

        Raises what the engine raised, or WorkerError where the worker died or hung.
        """
        async with self._busy:
            if self.failure is not None:
                raise self.failure
            answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            self._current = _Current(task, listener, answer)
            self._sign("waiting")
            try:
                await self._transport.send(self.process.identity, Run(task))
                # Shielded: the answer to the cancellation is still to come.
                return await asyncio.shield(answer)
            except asyncio.CancelledError:
                await self._cancel(task, answer)
                raise
            finally:
                self._current = None
                self._sign("idle")

    async def ended(self) -> None:
        """Wait until the worker is gone. Raises why."""
        await asyncio.gather(*self._watchers)
        if self.failure is not None:
            raise self.failure

    async def stop(self) -> None:
        """End the process: orderly while it listens, by force when it does not."""
        self._stopping = True
        if self.process.running:
            if self.failure is None and self._hello.done():
                await self._say_goodbye()
            else:
                self.process.signal_group(signal.SIGKILL)
            await self.process.stop(self._deadlines.stopping)
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        if not self._hello.cancel() and not self._hello.cancelled():
            self._hello.exception()  # heard, even where nobody waits for it any more

    async def _say_goodbye(self) -> None:
        try:
            await self._transport.send(self.process.identity, Shutdown(self._deadlines.stopping))
        except WorkerCrashed:
            log.debug("The %s worker was gone before it was told to stop.", self.name)

    async def deliver(self, message: Message | ProtocolError, bulk: list[bytes]) -> None:
        """Take what this worker said. Answers to a task that is not the current one are dropped."""
        if isinstance(message, ProtocolError):
            self.fail(ProtocolError(f"The {self.name} worker sent nonsense. {message.message}", message.hint))
        elif isinstance(message, Hello):
            await self._check(message)
        elif isinstance(message, Pong):
            self._hear_pong(message)
        elif isinstance(message, Log):
            log.log(
                logging.getLevelNamesMapping().get(message.level, 30), "%s: %s", self.name, message.message
            )
        elif isinstance(message, Progress | Chunk | Result | Failed):
            self._answer(message, bulk)
        else:
            self.fail(ProtocolError(f"The {self.name} worker sent {type(message).__name__} out of turn."))

    def _hear_pong(self, pong: Pong) -> None:
        """A beat is a sign of progress. To be idle is one too, unless there is a task to do."""
        waiting = pong.phase == "idle" and self._current is None
        if pong.beats != self._beats or waiting:
            self._beats = pong.beats
            # Sent before the task arrived, "idle" says nothing about it.
            self._sign(self.phase if pong.phase == "idle" and not waiting else pong.phase)

    def _answer(self, message: Progress | Chunk | Result | Failed, bulk: list[bytes]) -> None:
        current = self._current
        if current is None or (message.task_id, message.attempt) != (current.task.id, current.task.attempt):
            log.debug("Dropped a late %s of %s.", type(message).__name__, message.task_id)
            return
        if isinstance(message, Progress):
            self._sign(message.phase)
            current.listener.progress(current.task, message)
        elif isinstance(message, Chunk):
            self._sign(self.phase)
            current.listener.chunk(current.task, message, bulk[0] if bulk else b"")
        elif current.answer.done():
            log.debug("Dropped a second answer to %s.", message.task_id)
        elif isinstance(message, Result):
            current.answer.set_result(message)
        else:
            current.answer.set_exception(
                from_code(message.code, message.message, message.hint, message.traceback)
            )

    async def _check(self, hello: Hello) -> None:
        """Accept a Hello, or refuse it with both sides' values in the reason."""
        launch = self.process.launch
        reason = ""
        if hello.token != self.process.token:
            reason = f"A stranger said Hello as the {self.name} worker."
        elif hello.schema != SCHEMA_VERSION:
            reason = (
                f"The {self.name} worker speaks schema {hello.schema}, the orchestrator {SCHEMA_VERSION}."
            )
        elif hello.worker != self.name:
            reason = f"The {self.name} environment holds the {hello.worker} worker."
        elif launch.python and not hello.python.startswith(f"{launch.python}."):
            reason = f"The {self.name} worker runs on Python {hello.python}; it must be {launch.python}."
        elif launch.lock and hello.lock and launch.lock != hello.lock:
            reason = f"The {self.name} environment was installed from another lock than the checkout's."
        if not reason:
            if not self._hello.done():
                self._hello.set_result(hello)
            return
        await self._transport.send(self.process.identity, Refused(reason))
        self.fail(HandshakeRefused(reason, f"Run `avatar envs sync {self.name}`."))

    async def _cancel(self, task: Task, answer: asyncio.Future[Result]) -> None:
        """Ask the worker to stop its task, and end it where it does not listen."""
        if answer.done() or self.failure is not None:
            return
        try:
            await self._transport.send(self.process.identity, Cancel(task.id, task.attempt))
            await asyncio.wait_for(asyncio.shield(answer), self._deadlines.stopping)
        except TimeoutError:
            self.fail(WorkerHung(f"The {self.name} worker did not stop when its task was cancelled."))
        except AvatarError as error:
            log.debug("The cancelled task %s ended: %s", task.id, error)

    def _sign(self, phase: str) -> None:
        self.phase = phase
        self._last_sign = time.monotonic()

    def fail(self, error: WorkerError) -> None:
        """Give up on this process; whoever waits for it hears why."""
        if self.failure is not None:
            return
        error.traceback = error.traceback or tail(self.process.log)
        self.failure = error
        self.process.signal_group(signal.SIGKILL)
        if not self._hello.done():
            self._hello.set_exception(error)
        if self._current is not None and not self._current.answer.done():
            self._current.answer.set_exception(error)

    async def _watch_exit(self) -> None:
        status = await self.process.wait()
        if self._stopping or self._given_up:
            return
        hint = f"Its log is {self.process.log}." if self.process.log else ""
        if -status == signal.SIGKILL:
            hint = f"Nobody here did that: most likely the host ran out of memory. {hint}".strip()
        self.fail(WorkerCrashed(f"The {self.name} worker {describe_exit(status)} while {self.phase}.", hint))

    async def _watch_signs(self) -> None:
        """Ping, and find the worker hung where its phase's deadline passes without a sign of progress."""
        sequence = 0
        while self.failure is None:
            await asyncio.sleep(self._deadlines.ping_interval)
            starting = not self._hello.done()
            deadline = self._deadlines.starting if starting else self._deadlines.of(self.phase)
            if time.monotonic() - self._last_sign > deadline:
                await self._give_up(deadline)
            elif not starting:
                sequence += 1
                await self._ping(sequence)

    async def _ping(self, sequence: int) -> None:
        try:
            await self._transport.send(self.process.identity, Ping(sequence))
        except WorkerCrashed:
            log.debug("The %s worker hung up; its exit will be reported.", self.name)

    async def _give_up(self, deadline: float) -> None:
        self._given_up = True
        # Its faulthandler writes every thread's stack to the log, even while native code hangs.
        self.process.signal_group(signal.SIGUSR1)
        await asyncio.sleep(min(1.0, self._deadlines.ping_interval))
        where = f"Its stack is in {self.process.log}." if self.process.log else ""
        self.fail(
            WorkerHung(
                f"The {self.name} worker made no progress for {deadline:g} s while {self.phase}.", where
            )
        )
