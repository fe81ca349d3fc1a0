"""`--list-engines`: what the worker itself says of its engines."""

from __future__ import annotations

from orchestrator.cli.session import Session, drive
from orchestrator.cli.setup import ensure
from orchestrator.launcher import WORKER_OF
from shared_schema.messages import EngineInfo
from shared_schema.stages import Stage

__all__ = ["list_engines"]


def list_engines(name: str) -> None:
    """Print a stage's engines, best first: ready, or what each lacks and how to get it."""
    stage = Stage(name)
    ensure(WORKER_OF[stage])

    async def work(session: Session) -> str:
        _, hello = await session.supervisor.worker(WORKER_OF[stage])
        return "\n".join(_describe(engine) for engine in hello.engines if engine.stage is stage)

    drive(work, recorded=False)


def _describe(engine: EngineInfo) -> str:
    state = "ready" if engine.ready else f"not ready: {engine.lacks} {engine.remedy}"
    return f"{engine.title:<18} {state}\n{'':<18} {engine.summary}"
