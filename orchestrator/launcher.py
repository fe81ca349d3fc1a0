"""From a worker's name to the command that starts it, in the environment that was set up for it."""

from __future__ import annotations

from orchestrator.environments import ENVIRONMENTS
from orchestrator.process import Launch
from shared_schema import paths
from shared_schema.stages import Stage

__all__ = ["APART", "WORKER_OF", "command_of", "launch", "worker_of", "workers_of"]

WORKER_OF = {
    Stage.SPEECH: "tts",
    Stage.PORTRAIT: "vision",
    Stage.FACE: "vision",
    Stage.CLIP: "lipsync",
    Stage.LIPSYNC: "lipsync",
}
"""Which worker does which stage."""

APART = {"xtts-fork": "tts-fork"}
"""Engines that cannot live in their stage's usual environment, and the workers that have them."""


def worker_of(stage: Stage, engine: str | None = None) -> str:
    """The worker that does a stage, with the engine that was asked for."""
    return APART.get(engine or "", WORKER_OF[stage])


def workers_of(stage: Stage) -> list[str]:
    """All workers that have engines of a stage, the usual one first."""
    apart = [worker for worker in APART.values() if worker.startswith(WORKER_OF[stage])]
    return [WORKER_OF[stage], *apart]


def command_of(name: str) -> tuple[str, ...]:
    """The command of a worker, up to its options. EnvironmentMissing where it is not set up."""
    environment = ENVIRONMENTS[name]
    environment.require()
    # -P keeps the current folder off the import path.
    return (str(environment.python_path), "-P", "-m", f"{name.replace('-', '_')}_worker")


def launch(name: str) -> Launch:
    """How to start a worker. EnvironmentMissing where its environment is not set up."""
    environment = ENVIRONMENTS[name]
    # MediaPipe imports matplotlib, which keeps a font cache in the user's home unless told where.
    variables = {"MPLCONFIGDIR": str(paths.cache_dir() / "matplotlib")}
    return Launch(name, command_of(name), environment.python, environment.lock_digest(), variables)
