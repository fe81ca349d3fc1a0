"""Starts workers on first need, side by side, and hands each the messages that are its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.gpu.cgroup import oom_kills
from orchestrator.gpu.events import Ended, Listener, Started
from orchestrator.liveness import Deadlines
from orchestrator.process import Launch, Lifeline
from orchestrator.restarts import RestartPolicy, Restarts
from orchestrator.rundir import RunDirectory
from orchestrator.transport import Transport
from orchestrator.worker import Worker
from shared_schema import paths
from shared_schema.errors import OutputError, WorkerError
from shared_schema.messages import Hello

__all__ = ["Supervisor"]

KEPT_LOGS = 20
"""Log files that are kept for each worker."""

log = logging.getLogger(__name__)


class Supervisor:
    """All workers of one orchestrator. An async context manager: left, every process is gone.

    `launcher` says how to start the worker of a name. With `foreground`, workers write to the
    terminal and not to log files. Their log records of `verbosity` and above reach our own log.
    `on_event` hears of each process that started and ended; `now` is the clock of these events, seconds
    since the supervisor was made unless given. `kernel_kills` counts what the kernel killed for lack of
    memory.
    """

    def __init__(
        self,
        launcher: Callable[[str], Launch],
        *,
        deadlines: Deadlines | None = None,
        foreground: bool = False,
        verbosity: str = "WARNING",
        on_event: Listener = lambda _event: None,
        now: Callable[[], float] | None = None,
        restarts: RestartPolicy | None = None,
        kernel_kills: Callable[[], int] = oom_kills,
    ) -> None:
        made = time.monotonic()
        self.now = now or (lambda: time.monotonic() - made)
        self._launcher = launcher
        self._deadlines = deadlines or Deadlines()
        self._foreground = foreground
        self._verbosity = verbosity
        self._on_event = on_event
        self._restarts = Restarts(restarts or RestartPolicy())
        self._kernel_kills = kernel_kills
        self._subscribers: list[Callable[[str, int], None]] = []
        self._latest: dict[str, Worker] = {}
        self._starts: dict[str, asyncio.Task[tuple[Worker, Hello]]] = {}
        self._by_identity: dict[bytes, Worker] = {}
        self._dispatcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._directory = RunDirectory.create()
        self._transport = Transport(self._directory.endpoint)
        self._lifeline = Lifeline()
        self._dispatcher = asyncio.create_task(self._dispatch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for start in self._starts.values():
                start.cancel()
            await asyncio.gather(*self._starts.values(), return_exceptions=True)
            await asyncio.gather(*(worker.stop() for worker in self._by_identity.values()))
        finally:
            # Whatever interrupted the orderly way, the closed pipe ends every worker.
            self._lifeline.close()
            if self._dispatcher is not None:
                self._dispatcher.cancel()
                await asyncio.gather(self._dispatcher, return_exceptions=True)
            self._transport.close()
            self._directory.close()

    async def worker(self, name: str) -> tuple[Worker, Hello]:
        """The worker of this name and what it said of itself, started where there is none that lives."""
        start = self._starts.get(name)
        if start is not None and start.done() and _is_spent(start):
            start = None
        if start is None:
            start = asyncio.create_task(self._start(name))
            self._starts[name] = start
        # Shielded: of several who wait for one start, one may be cancelled.
        return await asyncio.shield(start)

    @property
    def folder(self) -> Path:
        """The run directory, from when the supervisor was entered until it is left."""
        return self._directory.folder

    def subscribe(self, callback: Callable[[str, int], None]) -> None:
        """Have `callback(name, pid)` called after a worker's process was reaped, whatever its end was."""
        self._subscribers.append(callback)

    async def _start(self, name: str) -> tuple[Worker, Hello]:
        launch = self._launcher(name)
        await self._bury(name)
        log_file = None if self._foreground else _new_log_file(name)
        worker = Worker(
            launch,
            log_file,
            self._transport,
            self._deadlines,
            self._verbosity,
            on_gone=self._tell_end,
            oom_kills=self._kernel_kills,
        )
        self._latest[name] = self._by_identity[worker.process.identity] = worker
        hello = await worker.start(self._lifeline)
        self._on_event(Started(at=self.now(), worker=name, pid=hello.pid, device=launch.device))
        return worker, hello

    async def _bury(self, name: str) -> None:
        """See the last process of this name gone. RestartLimit where the next one may not follow yet."""
        last = self._latest.get(name)
        if last is None:
            return
        await self._restarts.admit(name, None if last.spent else last.failure)
        # Only one at a time holds memory, files and the device under this name.
        await last.stop()
        self._by_identity.pop(last.process.identity, None)

    def _tell_end(self, worker: Worker) -> None:
        why = "" if worker.spent or worker.failure is None else worker.failure.message
        pid = worker.process.pid
        self._on_event(Ended(at=self.now(), worker=worker.name, pid=pid, why=why))
        for callback in self._subscribers:
            callback(worker.name, pid)

    async def _dispatch(self) -> None:
        while True:
            identity, message, bulk = await self._transport.receive()
            worker = self._by_identity.get(identity)
            if worker is None:
                log.warning("Dropped a message of an unknown peer.")
                continue
            try:
                await worker.deliver(message, bulk)
            except Exception as error:
                # One worker's trouble must not deafen the others.
                log.exception("A message of the %s worker could not be handled.", worker.name)
                worker.fail(
                    WorkerError(f"A message of the {worker.name} worker could not be handled: {error}")
                )


def _is_spent(start: asyncio.Task[tuple[Worker, Hello]]) -> bool:
    if start.cancelled() or start.exception() is not None:
        return True
    return start.result()[0].failure is not None


def _new_log_file(name: str) -> Path:
    """A log file of its own for this start; the oldest ones of this worker are removed."""
    folder = paths.logs_dir()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in sorted(folder.glob(f"{name}-*.log"))[: -KEPT_LOGS + 1]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"The folder for logs {folder} cannot be used: {error.strerror}.") from error
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return folder / f"{name}-{stamp}-{time.monotonic_ns() % 1_000_000:06d}.log"
