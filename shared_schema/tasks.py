"""Runs tasks on a worker's engines: loads on first need, counts seconds, turns exceptions into answers."""

from __future__ import annotations

import errno
import logging
import pdb  # noqa: T100 - the `--pdb` option is for it
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from shared_schema import accounts
from shared_schema.device_errors import translate
from shared_schema.engine import Context, Engine
from shared_schema.errors import (
    AvatarError,
    EngineFailed,
    EngineUnavailable,
    EngineUnknown,
    OutputError,
    ProtocolError,
)
from shared_schema.feed import Feed
from shared_schema.messages import Chunk, Failed, Peaks, Profile, Progress, ReleaseMode, Result, Task

__all__ = ["Bench", "as_failure"]

log = logging.getLogger("worker")

PROGRESS_INTERVAL = 0.1
"""Seconds between two reports of one phase: an engine may report every frame."""


class Bench:
    """The engines of one worker, each made and loaded once. `beat` is told every sign of progress.

    `sees` is the UUID of the one GPU that this process can use, or "cpu"; `profile` what its tasks are
    told of how to use the device.
    """

    def __init__(
        self, engines: list[type[Engine]], beat: Callable[[str], None], *, sees: str = accounts.HOST
    ) -> None:
        self.profile = Profile()
        self._types = {engine.name: engine for engine in engines}
        self._loaded: dict[str, Engine] = {}
        self._beat = beat
        self._sees = sees
        self._granted = accounts.HOST
        self._budget = 0

    def grant(self, device: str, budget: int) -> None:
        """Use a device within `budget` bytes from now on; ProtocolError for one that is not seen here."""
        if device not in {accounts.HOST, self._sees}:
            raise ProtocolError(f"This worker sees {self._sees} and was granted {device}.")
        self._granted, self._budget = device, budget

    def engine(self, name: str) -> Engine:
        """The engine of this name, loaded. EngineUnknown or EngineUnavailable where that cannot be."""
        if name in self._loaded:
            return self._loaded[name]
        if name not in self._types:
            known = ", ".join(sorted(self._types))
            raise EngineUnknown(f"There is no engine {name!r} here; there are: {known}.")
        available = self._types[name].availability()
        if not available.ready:
            raise EngineUnavailable(available.lacks, available.remedy)
        self._beat(f"loading {name}")
        began = time.monotonic()
        engine = self._types[name]()
        engine.load()
        self._loaded[name] = engine
        log.info("Loaded %s %s in %.1f s.", name, engine.version, time.monotonic() - began)
        return engine

    def run(
        self,
        task: Task,
        cancelled: threading.Event,
        send: Callable[..., None],
        feeds: Mapping[str, Feed] | None = None,
    ) -> Result:
        """Do a task, reporting through `send(message, *bulk)`; on failure its half-made files are removed.

        `feeds` are its live inputs by name.
        """
        began = time.monotonic()
        accounts.reset_peaks()
        log.info("Task %s: %s with seed %d, %s", task.id, task.engine, task.seed, task.params)
        self._beat(f"starting {task.engine}")
        reporter = _Reporter(task, send, self._beat)
        if task.engine not in self._loaded:
            reporter.progress("loading", 0, 0, None)
        engine = self.engine(task.engine)
        loading = time.monotonic() - began
        self._make_room_for(engine)
        context = self._context(
            engine,
            task,
            progress=reporter.progress,
            chunk=reporter.chunk,
            beat=self._beat,
            feeds=feeds,
            cancelled=cancelled,
        )
        try:
            context.check()
            outcome = engine.run(task, context)
        except BaseException:
            context.discard_outputs()
            raise
        context.finish_phase()
        log.info("Task %s is done in %.1f s.", task.id, time.monotonic() - began)
        return Result(
            task.id,
            task.attempt,
            context.artifacts(),
            outcome,
            {"loading": loading, **context.timings, "total": time.monotonic() - began},
            _peaks(),
        )

    def run_alone(self, task: Task) -> Result:
        """Do a task with nobody listening."""
        return self.run(task, threading.Event(), lambda *_message: None)

    def debug(self, task: Task) -> Result:
        """Do a task under the debugger, stopped at the first line of the engine's `run`."""
        engine = self.engine(task.engine)
        context = self._context(engine, task)
        outcome = pdb.Pdb().runcall(engine.run, task, context)
        if outcome is None:
            raise EngineFailed("The debugger was left before the task was done.")
        return Result(task.id, task.attempt, context.artifacts(), outcome, {}, _peaks())

    def release(self, mode: ReleaseMode) -> tuple[int, int]:
        """Have every engine leave the device, or memory altogether, and end the grant.

        Bytes that this process held of the granted device before and after, by its own account. With
        EXIT nothing is done: the end of the process frees all, and cannot fail.
        """
        before = accounts.held(self._granted)
        if mode is ReleaseMode.EXIT:
            return before, 0
        if mode is ReleaseMode.OFFLOAD:
            for engine in self._loaded.values():
                engine.offload()
        while mode is ReleaseMode.UNLOAD and self._loaded:
            self._loaded.popitem()[1].unload()
        accounts.give_back()
        after = accounts.held(self._granted)
        self._granted, self._budget = accounts.HOST, 0
        return before, after

    def make_room(self) -> None:
        """Have every engine leave the device, after a want of memory; the grant stays."""
        for engine in self._loaded.values():
            engine.offload()
        accounts.give_back()

    def _make_room_for(self, engine: Engine) -> None:
        """One engine of a worker is on the device at a time."""
        if engine.gpu is None:
            return
        for other in self._loaded.values():
            if other is not engine and other.gpu is not None:
                other.offload()

    def _context(self, engine: Engine, task: Task, **sinks: Any) -> Context:
        on_host = self._granted == accounts.HOST
        if engine.gpu is None and not on_host:
            return Context(task, profile=self.profile, **sinks)
        device = "cpu" if on_host else "cuda"
        return Context(task, device=device, budget=self._budget, profile=self.profile, **sinks)


def _peaks() -> Peaks:
    return Peaks(accounts.peak_resident_bytes(), accounts.peak_gpu_bytes())


class _Reporter:
    """Turns an engine's reports into messages, at a rate that a socket and a person can follow."""

    def __init__(self, task: Task, send: Callable[..., None], beat: Callable[[str], None]) -> None:
        self._task = task
        self._send = send
        self._beat = beat
        self._phase = ""
        self._sent = 0.0
        self._chunks: dict[str, int] = {}

    def progress(self, phase: str, done: int, total: int, eta: float | None) -> None:
        self._beat(phase)
        now = time.monotonic()
        if phase == self._phase and now - self._sent < PROGRESS_INTERVAL and done != total:
            return
        self._phase, self._sent = phase, now
        self._send(Progress(self._task.id, self._task.attempt, phase, done, total, eta))

    def chunk(self, name: str, data: bytes, last: bool) -> None:
        sequence = self._chunks.get(name, 0)
        self._chunks[name] = sequence + 1
        self._beat(f"sending {name}")
        self._send(Chunk(self._task.id, self._task.attempt, name, sequence, last), data)


def as_failure(error: Exception, task_id: str, attempt: int) -> Failed:
    """The answer that tells the orchestrator of an exception."""
    trace = "".join(traceback.format_exception(error))[-50_000:]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        error = OutputError("The disk is full.", "Free some space, or set AVATAR_HOME to a roomier disk.")
    known = translate(error) or error
    if isinstance(known, AvatarError):
        return Failed(task_id, attempt, known.code, known.message, known.hint, trace)
    message = f"An unforeseen {type(error).__name__}: {error}"[:2000]
    return Failed(task_id, attempt, EngineFailed.code, message, "", trace)
