"""The serve loop: one process, one task at a time, in the main thread.

    starting ──Hello, Welcome──> idle ──Load──> loading ──Loaded──> idle
                                  │ ^──Run──> loading? ──> running ──Result | Failed──┘
                                  └──Shutdown──> (exit 0)

A worker package's `__main__` calls `main(name, module)`; the module holds `ENGINES`.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import importlib
import json
import logging
import os
import platform
import re
import signal
import sys
import time
from pathlib import Path

import msgspec

from shared_schema import SCHEMA_VERSION, STAMP_NAME, accounts, lifeline
from shared_schema.device_errors import DEVICE_FAILED_STATUS
from shared_schema.engine import Engine
from shared_schema.errors import AvatarError, Cancelled, DeviceFailed, OutOfMemory, ProtocolError
from shared_schema.link import Link
from shared_schema.messages import (
    EngineInfo,
    Failed,
    Grant,
    Hello,
    Load,
    Loaded,
    Log,
    Message,
    Profile,
    Refused,
    Release,
    Released,
    ReleaseMode,
    Run,
    Shutdown,
    Task,
    Welcome,
)
from shared_schema.tasks import Bench, as_failure

__all__ = ["TERMINATED_STATUS", "TOKEN_VARIABLE", "main"]

TOKEN_VARIABLE = "AVATAR_WORKER_TOKEN"  # noqa: S105 - the name of a variable, not its value

_UUID = re.compile(r"(GPU|MIG)-[0-9A-Za-z/-]+")
"""How NVML and CUDA name one GPU, or one part of it."""

TERMINATED_STATUS = 128 + signal.SIGTERM
"""Exit status of a worker that ended orderly because of SIGTERM."""

log = logging.getLogger("worker")


class Worker:
    """Answers the orchestrator until it says Shutdown."""

    def __init__(self, name: str, engines: list[type[Engine]], link: Link) -> None:
        self._name = name
        self._engines = engines
        self._link = link
        self._device = visible_device()
        self._bench = Bench(engines, link.beat, sees=self._device)
        self._lost = False

    def serve(self) -> int:
        """Shake hands, then answer; the process's exit status."""
        self._link.send(_hello(self._name, self._engines, self._device))
        log.info("%s worker, Python %s, process %d.", self._name, platform.python_version(), os.getpid())
        answer = self._link.receive()
        if isinstance(answer, Shutdown):
            return self._goodbye()
        if isinstance(answer, Refused):
            log.error("The orchestrator refused this worker: %s", answer.reason)
            return 4
        if not isinstance(answer, Welcome):
            raise ProtocolError(f"The orchestrator answered Hello with {type(answer).__name__}.")
        self._bench.profile = answer.profile
        _forward_logs(self._link, answer.verbosity)
        while True:
            self._link.beat("idle")
            message = self._link.receive()
            if isinstance(message, Shutdown):
                return self._goodbye()
            if isinstance(message, Release) and message.mode is ReleaseMode.EXIT:
                self._release(message)
                return 0
            self._answer(message)
            if self._lost:
                log.warning("The GPU failed this process, which ends for it: its context is lost.")
                return DEVICE_FAILED_STATUS

    def _goodbye(self) -> int:
        if not self._link.terminated:
            return 0
        log.info("Ended by SIGTERM.")
        return TERMINATED_STATUS

    def _answer(self, message: Message) -> None:
        if isinstance(message, Run):
            self._run(message.task)
        elif isinstance(message, Load):
            self._load(message.engine)
        elif isinstance(message, Release):
            self._release(message)
        elif isinstance(message, Grant):
            self._bench.grant(message.device, message.bytes)
            log.info("Granted %s for epoch %d.", message.device, message.epoch)
        else:
            raise ProtocolError(f"A worker does not take {type(message).__name__}.")

    def _run(self, task: Task) -> None:
        cancelled = self._link.cancellation(task.id, task.attempt)
        try:
            result = self._bench.run(task, cancelled, self._link.send, self._link.feeds.of(task))
        except Exception as error:
            log.info("Task %s failed.", task.id, exc_info=not isinstance(error, AvatarError))
            failure = as_failure(error, task.id, task.attempt)
        else:
            self._link.send(result)
            return
        finally:
            self._link.feeds.discard(task)
        self._tell(failure)

    def _load(self, engine: str) -> None:
        began = time.monotonic()
        try:
            self._bench.engine(engine)
        except Exception as error:
            log.exception("Loading %s failed.", engine)
            failure = as_failure(error, "", 0)
        else:
            self._link.send(Loaded(engine, time.monotonic() - began))
            return
        self._tell(failure)

    def _tell(self, failure: Failed) -> None:
        """Answer with a failure. Called when its exception is let go of, and with it what its frames held."""
        if self._link.terminated:
            return  # nobody cancelled the task: the exit that follows says what happened
        self._lost = failure.code == DeviceFailed.code
        if failure.code == OutOfMemory.code:
            gc.collect()
            try:
                # The next task shall find the memory that this one could not get.
                self._bench.make_room()
            except Exception:
                log.exception("An engine could not leave the device.")
                self._lost = True
        self._link.send(failure)

    def _release(self, message: Release) -> None:
        self._link.beat("releasing")
        self._link.send(Released(message.epoch, *self._bench.release(message.mode)))


class _LogForwarder(logging.Handler):
    """Sends records on to the orchestrator; the full log stays in this worker's own file."""

    def __init__(self, link: Link, level: str) -> None:
        super().__init__(level)
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        self._link.send(Log(record.levelname, record.name, record.getMessage()[:4000]))


def _forward_logs(link: Link, level: str) -> None:
    logging.getLogger().addHandler(_LogForwarder(link, level))


def visible_device() -> str:
    """The UUID of the one GPU that CUDA shows to this process; "cpu" where it may show others, or none."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return named if _UUID.fullmatch(named) else accounts.HOST


def _hello(name: str, engines: list[type[Engine]], device: str) -> Hello:
    return Hello(
        worker=name,
        token=os.environ.get(TOKEN_VARIABLE, ""),
        pid=os.getpid(),
        schema=SCHEMA_VERSION,
        python=platform.python_version(),
        lock=_lock_digest(),
        device=device,
        engines=[describe(engine) for engine in engines],
    )


def describe(engine: type[Engine]) -> EngineInfo:
    """What the orchestrator is told of an engine."""
    available = engine.availability()
    return EngineInfo(
        name=engine.name,
        stage=engine.stage,
        version=engine.version,
        summary=engine.summary,
        ready=available.ready,
        lacks=available.lacks,
        remedy=available.remedy,
        languages=list(engine.languages),
        needs=list(engine.needs),
        ignores=list(engine.ignores),
        host=engine.host,
        gpu=engine.gpu,
        gpu_by_parts=engine.gpu_by_parts,
        streams=engine.streams,
    )


def _lock_digest() -> str:
    """The digest that set-up left in this environment; empty in one that was made by hand."""
    stamp = Path(sys.prefix) / STAMP_NAME
    return str(json.loads(stamp.read_text()).get("lock", "")) if stamp.is_file() else ""


def _run_request(path: Path, engines: list[type[Engine]], profile: Profile, *, debug: bool) -> int:
    """Run one task from a file in this process; the result goes to stdout as JSON."""
    try:
        task = msgspec.json.decode(path.read_bytes(), type=Task)
    except (OSError, msgspec.MsgspecError) as error:
        print(f"{path} is not a task: {error}", file=sys.stderr)
        return 2
    device = visible_device()
    bench = Bench(engines, lambda phase: log.debug("%s", phase), sees=device)
    bench.grant(device, 0)
    bench.profile = profile
    attempt = bench.debug if debug else bench.run_alone
    try:
        result = attempt(task)
    except AvatarError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return Cancelled.exit_status
    print(msgspec.json.format(msgspec.json.encode(result)).decode())
    return 0


def _arguments(name: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"{name} worker")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--endpoint", help="ZeroMQ endpoint of the orchestrator")
    mode.add_argument("--request", type=Path, help="run the one task in this JSON file and print its result")
    parser.add_argument("--pdb", action="store_true", help="with --request: stop in the engine")
    parser.add_argument("--profile", default="{}", help="with --request: how to use the device, as JSON")
    parser.add_argument("--identity", help="name of this process on the socket")
    parser.add_argument("--lifeline", type=int, help="descriptor that closes when the orchestrator is gone")
    parser.add_argument("--parent", type=int, help="process id of the orchestrator")
    parser.add_argument("--log-level", default="INFO")
    return parser.parse_args()


def main(name: str, module: str) -> None:
    """Run the worker `name` whose engines `module.ENGINES` lists, as the command line says; then exit."""
    arguments = _arguments(name)
    lifeline.arm(arguments.lifeline, arguments.parent)
    # A crash in native code, or a hang (SIGUSR1), leaves its Python stack in the log.
    faulthandler.enable(all_threads=False)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    logging.basicConfig(
        level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    engines: list[type[Engine]] = importlib.import_module(module).ENGINES
    if arguments.request:
        profile = msgspec.json.decode(arguments.profile, type=Profile)
        sys.exit(_run_request(arguments.request, engines, profile, debug=arguments.pdb))
    link = Link(arguments.endpoint, (arguments.identity or f"{name}-{os.getpid()}").encode())
    link.end_on(signal.SIGTERM)
    try:
        status = Worker(name, engines, link).serve()
    finally:
        link.close()
    if status == DEVICE_FAILED_STATUS:
        os._exit(status)  # a lost context may hang or abort in what libraries do at exit
    sys.exit(status)
