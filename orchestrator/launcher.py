"""From a worker's name to the command that starts it, in the environment that was set up for it."""

from __future__ import annotations

from orchestrator import paths
from orchestrator.environments import ENVIRONMENTS
from orchestrator.process import Launch
from shared_schema.stages import Stage

__all__ = ["WORKER_OF", "command_of", "launch"]

WORKER_OF = {
    Stage.SPEECH: "tts",
    Stage.PORTRAIT: "vision",
    Stage.FACE: "vision",
    Stage.LIPSYNC: "lipsync",
}
"""Which worker does which stage."""


def command_of(name: str) -> tuple[str, ...]:
    """The command of a worker, up to its options. EnvironmentMissing where it is not set up."""
    environment = ENVIRONMENTS[name]
    environment.require()
    # -P keeps the current folder off the import path.
    return (str(environment.python_path), "-P", "-m", f"{name}_worker")


def launch(name: str) -> Launch:
    """How to start a worker. EnvironmentMissing where its environment is not set up."""
    environment = ENVIRONMENTS[name]
    # MediaPipe imports matplotlib, which keeps a font cache in the user's home unless told where.
    variables = {"MPLCONFIGDIR": str(paths.cache_dir() / "matplotlib")}
    return Launch(name, command_of(name), environment.python, environment.lock_digest(), variables)
