"""One command's run: workers, job folder, display, interruption; all of it gone at the end."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from orchestrator.cli.display import SilentDisplay, make_display
from orchestrator.cli.placement import placement
from orchestrator.gpu.arbiter import Arbiter
from orchestrator.gpu.events import Event, Listener
from orchestrator.job import Job
from orchestrator.journal import Journal
from orchestrator.launcher import launch
from orchestrator.runner import Runner, StageReport
from orchestrator.statusfile import DeviceStatus, StatusFile
from orchestrator.supervisor import Supervisor
from shared_schema.accounts import peak_resident_bytes
from shared_schema.errors import AvatarError, WorkerError

__all__ = ["Session", "drive", "report_as_json"]

MOST_TITLE = 200
"""Characters of a command that its journal and its status show."""


@dataclass(frozen=True)
class Session:
    """What a command's work is done with."""

    supervisor: Supervisor
    runner: Runner
    job: Job
    display: SilentDisplay


def drive(
    work: Callable[[Session], Awaitable[str]],
    *,
    prepare: Callable[[Job], None] = lambda _job: None,
    seed: int = 0,
    as_json: bool = False,
    verbose: bool = False,
    recorded: bool = True,
) -> None:
    """Run `prepare` (inputs into the job, before any worker starts), then `work`; print what it returns.

    With `recorded` a journal is kept. Exits with the error's status after one line on stderr (with
    `as_json`, also an object on stdout).
    """
    logging.basicConfig(
        level="INFO" if verbose else "ERROR", format="avatar: %(levelname)s: %(message)s", stream=sys.stderr
    )
    try:
        answer = asyncio.run(_run(work, prepare, seed, as_json=as_json, verbose=verbose, recorded=recorded))
    except asyncio.CancelledError as ending:
        # Only a signal cancels the run itself; Ctrl-C comes out of asyncio.run as KeyboardInterrupt.
        raise click.exceptions.Exit(128 + (ending.args or (signal.SIGTERM,))[0]) from None
    except AvatarError as error:
        _fail(error, as_json=as_json, verbose=verbose)
    if answer:
        click.echo(answer)


async def _run(
    work: Callable[[Session], Awaitable[str]],
    prepare: Callable[[Job], None],
    seed: int,
    *,
    as_json: bool,
    verbose: bool,
    recorded: bool,
) -> str:
    _end_on_signals()
    title = _title(sys.argv[1:])
    places = placement()
    display = make_display(as_json=as_json, verbose=verbose)
    listeners: list[Listener] = [display.happened]

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    async with AsyncExitStack() as stack:
        job = stack.enter_context(Job())
        prepare(job)
        if recorded:
            journal = Journal(job.id, title, [leased.device for leased in places.devices], warn=_warn)
            listeners.append(stack.enter_context(journal))
        verbosity = "INFO" if verbose else "WARNING"
        supervisor = await stack.enter_async_context(
            Supervisor(places.bind(launch), verbosity=verbosity, on_event=tell)
        )
        states = [DeviceStatus.of(leased.device, leased.settings) for leased in places.devices]
        listeners.append(stack.enter_context(StatusFile(supervisor.folder, title, states, warn=_warn)))
        stack.enter_context(display)
        arbiter = await stack.enter_async_context(Arbiter(places, supervisor, on_event=tell))
        runner = Runner(arbiter, job, display, seed, on_event=tell)
        return await work(Session(supervisor, runner, job, display))


def _title(arguments: list[str]) -> str:
    """The command in short, without the text to say: journals are kept, and traces are passed on."""
    shown: list[str] = []
    for argument in arguments:
        hidden = shown[-1:] == ["--text"]
        shown.append("..." if hidden else re.sub("^--text=.*", "--text=...", argument, flags=re.DOTALL))
    return shlex.join(shown)[:MOST_TITLE]


def _warn(line: str) -> None:
    click.echo(f"avatar: {line}", err=True)


def _end_on_signals() -> None:
    """SIGTERM and a closed terminal end the run as Ctrl-C does, with nothing left behind."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - we are inside a coroutine
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel, number)


def _fail(error: AvatarError, *, as_json: bool, verbose: bool) -> NoReturn:
    if as_json:
        answer = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        click.echo(json.dumps(answer, ensure_ascii=False))
    click.echo(f"avatar: {' '.join(str(error).split())}", err=True)
    # A dead worker's last words say why; an engine's traceback is for those who ask.
    if error.traceback and (verbose or isinstance(error, WorkerError)):
        click.echo("\n".join(f"    {line}" for line in error.traceback.splitlines()), err=True)
    raise click.exceptions.Exit(error.exit_status)


def report_as_json(reports: list[StageReport], output: Path | None) -> str:
    """The result of a command as one JSON object."""
    return json.dumps(
        {
            "output": str(output) if output else None,
            "orchestrator_peak_rss_bytes": peak_resident_bytes(),
            "stages": [
                {
                    "stage": report.stage,
                    "engine": report.engine,
                    "version": report.version,
                    "why": report.why,
                    "seconds": round(report.seconds, 3),
                    "timings": {phase: round(seconds, 3) for phase, seconds in report.timings.items()},
                    "peak_rss_bytes": report.peak_rss,
                    "outcome": msgspec.to_builtins(report.outcome),
                }
                for report in reports
            ],
        },
        ensure_ascii=False,
    )
