"""`--list-engines`: what the worker itself says of its engines."""

from __future__ import annotations

from orchestrator.cli.session import Session, drive
from orchestrator.cli.setup import ensure
from orchestrator.environments import ENVIRONMENTS, State
from orchestrator.launcher import APART, workers_of
from shared_schema.messages import EngineInfo
from shared_schema.stages import Stage

__all__ = ["list_engines"]


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
    remedy = f"Run `avatar envs sync {worker} --neural`."
    return f"{engines:<18} not ready: its environment is not set up. {remedy}"


def _describe(engine: EngineInfo) -> str:
    state = "ready" if engine.ready else f"not ready: {engine.lacks} {engine.remedy}"
    return f"{engine.title:<18} {state}\n{'':<18} {engine.summary}"
