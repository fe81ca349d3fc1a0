"""Runs tasks on a worker's engines: loads on first need, counts seconds, turns exceptions into answers."""

from __future__ import annotations

import errno
import logging
import pdb  # noqa: T100 - the `--pdb` option is for it
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from shared_schema.engine import Context, Engine
from shared_schema.errors import AvatarError, EngineFailed, EngineUnavailable, EngineUnknown, OutputError
from shared_schema.messages import Chunk, Failed, Peaks, Progress, ReleaseMode, Result, Task

__all__ = ["Bench", "as_failure", "peak_resident_bytes", "resident_bytes"]

log = logging.getLogger("worker")

PROGRESS_INTERVAL = 0.1
"""Seconds between two reports of one phase: an engine may report every frame."""


class Bench:
    """The engines of one worker, each made and loaded once. `beat` is told every sign of progress."""

    def __init__(self, engines: list[type[Engine]], beat: Callable[[str], None]) -> None:
        self._types = {engine.name: engine for engine in engines}
        self._loaded: dict[str, Engine] = {}
        self._beat = beat

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

    def run(self, task: Task, cancelled: threading.Event, send: Callable[..., None]) -> Result:
        """Do a task, reporting through `send(message, *bulk)`; on failure its half-made files are removed."""
        began = time.monotonic()
        log.info("Task %s: %s with seed %d, %s", task.id, task.engine, task.seed, task.params)
        self._beat(f"starting {task.engine}")
        reporter = _Reporter(task, send, self._beat)
        if task.engine not in self._loaded:
            reporter.progress("loading", 0, 0, None)
        engine = self.engine(task.engine)
        loading = time.monotonic() - began
        context = Context(task, progress=reporter.progress, chunk=reporter.chunk, cancelled=cancelled)
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
            Peaks(rss=peak_resident_bytes()),
        )

    def run_alone(self, task: Task) -> Result:
        """Do a task with nobody listening."""
        return self.run(task, threading.Event(), lambda *_message: None)

    def debug(self, task: Task) -> Result:
        """Do a task under the debugger, stopped at the first line of the engine's `run`."""
        engine = self.engine(task.engine)
        context = Context(task)
        outcome = pdb.Pdb().runcall(engine.run, task, context)
        if outcome is None:
            raise EngineFailed("The debugger was left before the task was done.")
        return Result(task.id, task.attempt, context.artifacts(), outcome, {}, Peaks(peak_resident_bytes()))

    def release(self, mode: ReleaseMode) -> None:
        """Have every loaded engine leave the device, or memory altogether."""
        for engine in self._loaded.values():
            if mode is ReleaseMode.OFFLOAD:
                engine.offload()
            else:
                engine.unload()
        if mode is not ReleaseMode.OFFLOAD:
            self._loaded.clear()


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
    if isinstance(error, AvatarError):
        return Failed(task_id, attempt, error.code, error.message, error.hint, trace)
    if isinstance(error, MemoryError):
        return Failed(task_id, attempt, EngineFailed.code, "The host ran out of memory.", "", trace)
    message = f"An unforeseen {type(error).__name__}: {error}"[:2000]
    return Failed(task_id, attempt, EngineFailed.code, message, "", trace)


def resident_bytes() -> int:
    """Bytes of physical memory that this process holds now (proc_pid_statm(5)); 0 where /proc is absent."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else 0


def peak_resident_bytes() -> int:
    """The most physical memory this process ever held; ru_maxrss is in KiB, on macOS in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
