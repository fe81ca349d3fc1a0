"""The orchestrator's handle on one worker: handshake, one request at a time, and how it ended.

    new ──start──> starting ──Hello is right──> idle <──Result, Loaded, Released, Failed── busy
                      │                          │ └──────Run, Load, Grant, Release─────────^ │
                      └── late, wrong, dead ──> failed <────────────dead, hung────────────────┘
                                                spent  <── ended as asked: Release(exit), stop

One that failed or is spent is never used again; the supervisor starts a new one on the next need.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.handshake import refusal
from orchestrator.lifetime import Lifetime, Surroundings
from orchestrator.liveness import Deadlines
from orchestrator.process import Launch, Lifeline, WorkerProcess
from orchestrator.requests import Listener, Loading, Releasing, Reply, Request, Running
from orchestrator.transport import Transport
from shared_schema import SCHEMA_VERSION
from shared_schema.errors import (
    AvatarError,
    DeviceFailed,
    ProtocolError,
    WorkerCrashed,
    WorkerError,
    WorkerHung,
)
from shared_schema.feed import Feed
from shared_schema.messages import (
    Cancel,
    Chunk,
    Failed,
    Grant,
    Hello,
    Load,
    Loaded,
    Log,
    Message,
    Ping,
    Pong,
    Progress,
    Refused,
    Release,
    Released,
    ReleaseMode,
    Result,
    Run,
    Shutdown,
    Task,
    Welcome,
)

__all__ = ["Worker"]

LAST_WORDS = 2.0
"""Seconds in which the answer of a process that has left must arrive: it is in a socket's buffer."""

log = logging.getLogger(__name__)


class Worker:
    """One worker process, from start to end. Requests wait for each other; none crosses a running task.

    `epoch` is that of the last grant, 0 before the first.
    """

    def __init__(
        self,
        launch: Launch,
        log_file: Path | None,
        transport: Transport,
        deadlines: Deadlines,
        verbosity: str = "WARNING",
        *,
        on_gone: Callable[[Worker], None] = lambda _worker: None,
        oom_kills: Callable[[], int] = lambda: 0,
    ) -> None:
        """`log_file` None is the terminal; log records of `verbosity` and above are sent here too.

        `on_gone` is called once the process was reaped, `oom_kills` counts the kernel's for want of memory.
        """
        self.name = launch.name
        self.epoch = 0
        self._transport = transport
        self._deadlines = deadlines
        self._verbosity = verbosity
        around = Surroundings(
            self._ping, self._hear_of_end, lambda: on_gone(self), self._hear_last_words, oom_kills
        )
        self._life = Lifetime(launch, log_file, deadlines, around)
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._busy = asyncio.Lock()
        self._offer = partial(transport.offer, self._life.process.identity)
        self._request: Request[Any] | None = None

    @property
    def process(self) -> WorkerProcess:
        """Its process."""
        return self._life.process

    @property
    def phase(self) -> str:
        """What it is at, in its own words."""
        return self._life.liveness.phase

    @property
    def failure(self) -> WorkerError | None:
        """Why it cannot be used any more; None while it can."""
        return self._life.failure

    @property
    def spent(self) -> bool:
        """Whether its end was asked for: then `failure` is no error."""
        return self._life.spent

    async def start(self, lifeline: Lifeline) -> Hello:
        """Start the process and shake hands. WorkerError where it dies, is late, or is the wrong one."""
        await self._life.start(self._transport.endpoint, lifeline)
        hello = await self._hello
        await self._tell(Welcome(SCHEMA_VERSION, self._verbosity, self.process.launch.profile))
        self._life.liveness.sign("idle")
        return hello

    async def run(self, task: Task, listener: Listener, live: Mapping[str, Feed] | None = None) -> Result:
        """Have the worker do a task; `live` are its live inputs. When this call is cancelled, so is the task.

        Raises what the engine or a live input did, or WorkerError where the worker died or hung.
        """
        async with self._turn("waiting"):
            request = self._request = Running(task, listener)
            try:
                await self._tell(Run(task))
                result = await request.answered(live or {}, self._offer)
            except BaseException:
                await self._cancel(request)
                raise
            self._life.peak = max(self._life.peak, result.peaks.rss)
            return result

    async def load(self, engine: str) -> Loaded:
        """Have an engine's weights brought into host memory. Raises what the engine did, or WorkerError."""
        async with self._turn(f"loading {engine}"):
            request = self._request = Loading(engine)
            await self._tell(Load(engine))
            return await asyncio.shield(request.answer)

    async def grant(self, epoch: int, device: str, budget: int) -> None:
        """Tell the worker that a device is its own: `device` is a UUID or "cpu", `budget` bytes to stay in.

        Nothing answers. WorkerError where the worker is dead.
        """
        async with self._turn("idle"):
            self.epoch = epoch
            await self._tell(Grant(epoch, device, budget))

    async def release(self, epoch: int, mode: ReleaseMode) -> Released:
        """Have the device given back. After mode `exit` the process is gone, and the worker spent.

        WorkerHung, and the process is ended, where no answer of this epoch comes in `Deadlines.releasing`.
        """
        async with self._turn("releasing"):
            request = self._request = Releasing(epoch)
            self._life.ending |= mode is ReleaseMode.EXIT
            await self._tell(Release(epoch, mode))
            limit = self._deadlines.releasing
            try:
                released = await asyncio.wait_for(asyncio.shield(request.answer), limit)
            except TimeoutError:
                late = f"The {self.name} worker did not give the device back within {limit:g} s."
                raise await self._life.give_up(WorkerHung(late)) from None
            if mode is ReleaseMode.EXIT and not await self.gone():
                raise self.fail(WorkerHung(f"The {self.name} worker let go, but its process did not end."))
            return released

    async def gone(self) -> bool:
        """Wait until the process was reaped, at most `Deadlines.stopping`; whether it was."""
        return await self._life.gone()

    async def ended(self) -> None:
        """Wait until the process is gone. Raises why, unless that was asked for."""
        await self._life.ended()

    def fail(self, error: WorkerError) -> WorkerError:
        """Give up on this process, and kill it; whoever waits for it hears why. The reason in force."""
        return self._life.fail(error)

    async def stop(self) -> None:
        """End the process: orderly while it listens, by force when it does not."""
        await self._life.stop(self._say_goodbye)
        if not self._hello.cancel() and not self._hello.cancelled():
            self._hello.exception()  # heard, even where nobody waits for it any more

    async def deliver(self, message: Message | ProtocolError, bulk: list[bytes]) -> None:
        """Take what this worker said. What answers no request of now is dropped."""
        if isinstance(message, ProtocolError):
            self.fail(ProtocolError(f"The {self.name} worker sent nonsense. {message.message}", message.hint))
        elif isinstance(message, Hello):
            await self._check(message)
        elif isinstance(message, Pong):
            self._life.liveness.hear(message)
        elif isinstance(message, Log):
            level = logging.getLevelNamesMapping().get(message.level, logging.WARNING)
            log.log(level, "%s: %s", self.name, message.message)
        elif isinstance(message, Reply):
            self._take(message, bulk)
        else:
            self.fail(ProtocolError(f"The {self.name} worker sent {type(message).__name__} out of turn."))

    def _take(self, reply: Reply, bulk: list[bytes]) -> None:
        if isinstance(reply, Failed) and reply.code == DeviceFailed.code:
            # Whoever it was for: no task of this process can use the device again.
            what = f"The GPU failed the {self.name} worker while {self.phase}: {reply.message.rstrip('.')}."
            where = f"Its log is {self.process.log}." if self.process.log else ""
            self.fail(DeviceFailed(what, where, traceback=reply.traceback))
        elif self._request is None or not self._request.hear(reply, bulk):
            log.debug("Dropped a late %s of the %s worker.", type(reply).__name__, self.name)
        elif isinstance(reply, Progress | Chunk):
            self._life.liveness.sign(reply.phase if isinstance(reply, Progress) else self.phase)

    async def _check(self, hello: Hello) -> None:
        """Accept a Hello, or refuse it with the reason."""
        error = refusal(hello, self.process.launch, self.process.token)
        if error is not None:
            await self._transport.send(self.process.identity, Refused(error.message))
            self.fail(error)
        elif not self._hello.done():
            self._hello.set_result(hello)

    @asynccontextmanager
    async def _turn(self, phase: str) -> AsyncIterator[None]:
        """A request's turn: after those before it. Raises `failure` where the worker has one."""
        async with self._busy:
            if self.failure is not None:
                raise self.failure
            liveness = self._life.liveness
            liveness.occupied = True
            liveness.sign(phase)
            try:
                yield
            finally:
                answered = self._request is None or self._request.answer.done()
                self._request = None
                liveness.occupied = False
                # Where nobody waits for the answer any more, the request still has its phase's deadline.
                if answered and self.failure is None:
                    liveness.sign("idle")

    async def _tell(self, message: Message) -> None:
        """Send. Where nobody is there any more, raises what ended the process."""
        try:
            await self._transport.send(self.process.identity, message)
        except WorkerCrashed as error:
            await self.gone()
            raise self.fail(error) from None

    async def _cancel(self, request: Running) -> None:
        """Ask the worker to stop its task, and end it where it does not listen."""
        if request.answer.done() or self.failure is not None:
            return
        try:
            await self._tell(Cancel(request.task.id, request.task.attempt))
            await asyncio.wait_for(asyncio.shield(request.answer), self._deadlines.stopping)
        except TimeoutError:
            self.fail(WorkerHung(f"The {self.name} worker did not stop when its task was cancelled."))
        except AvatarError as error:
            log.debug("The cancelled task %s ended: %s", request.task.id, error)

    async def _ping(self, number: int) -> None:
        try:
            await self._transport.send(self.process.identity, Ping(number))
        except WorkerCrashed:
            log.debug("The %s worker hung up; its exit will be reported.", self.name)

    async def _say_goodbye(self) -> None:
        try:
            await self._transport.send(self.process.identity, Shutdown(self._deadlines.stopping))
        except WorkerCrashed:
            log.debug("The %s worker was gone before it was told to stop.", self.name)

    async def _hear_last_words(self) -> None:
        """What a process said before it left may be heard after its exit was seen."""
        if self._request is not None:
            await asyncio.wait({self._request.answer}, timeout=LAST_WORDS)

    def _hear_of_end(self, error: WorkerError) -> None:
        if not self._hello.done():
            self._hello.set_exception(error)
        if isinstance(self._request, Releasing) and self.spent:
            # Its process is gone: so is all that it held, said or not.
            self._request.settle(Released(self._request.epoch, 0, 0))
        elif self._request is not None:
            self._request.fail(error)
