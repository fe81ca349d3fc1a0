"""`--list-engines`: what the worker itself says of its engines."""

from __future__ import annotations

import shutil
import textwrap

from orchestrator.cli.session import Session, drive
from orchestrator.cli.setup import ensure
from orchestrator.environments import ENVIRONMENTS, State
from orchestrator.launcher import APART, workers_of
from shared_schema.messages import EngineInfo
from shared_schema.stages import Stage

__all__ = ["list_engines"]

COLUMN = 19
"""Characters for a name and its version."""


def list_engines(name: str) -> None:
    """Print a stage's engines, best first: ready, or what each lacks and how to get it."""
    stage = Stage(name)
    usual, *others = workers_of(stage)
    ensure(usual)
    ready = [name for name in others if ENVIRONMENTS[name].installed().state is State.READY]

    async def work(session: Session) -> str:
        hellos = [(await session.supervisor.worker(name))[1] for name in (usual, *ready)]
        engines = [engine for hello in hellos for engine in hello.engines if engine.stage is stage]
        absent = [name for name in others if name not in ready]
        return "\n".join([*map(_describe, engines), *map(_not_set_up, absent)])

    drive(work, recorded=False)


def _not_set_up(worker: str) -> str:
    engines = ", ".join(engine for engine, name in APART.items() if name == worker)
    return _rows(
        engines, "not ready: its environment is not set up.", f"Run `avatar envs sync {worker} --neural`."
    )


def _describe(engine: EngineInfo) -> str:
    if engine.ready:
        return _rows(engine.title, "ready", engine.summary)
    return _rows(engine.title, f"not ready: {engine.lacks}", engine.remedy, engine.summary)


def _rows(name: str, *paragraphs: str) -> str:
    """A name, and paragraphs beside it in as many lines as the terminal's width asks for."""
    width = max(shutil.get_terminal_size().columns - COLUMN, COLUMN)
    lines = [line for words in paragraphs for line in textwrap.wrap(words, width, break_on_hyphens=False)]
    return textwrap.indent("\n".join(lines), " " * COLUMN).replace(" " * COLUMN, f"{name:<{COLUMN}}", 1)
