"""Weights to the device and back by `Residence`, beside a plain copy, torch's own way, and the disk."""

from __future__ import annotations

from orchestrator.environments import ENVIRONMENTS, Environment
from tests.bench.measure import ROOT, run, say


def main() -> None:
    """The measuring is `tests.torch.moves`, in an environment with torch; one line where there is none."""
    environment = with_torch()
    if environment is None:
        say("skipped: no environment has torch", "`.venv/bin/nox -s torch` makes one")
        return
    command = [environment.python_path, "-m", "tests.torch.moves"]
    print(run(command, PYTHONPATH=str(ROOT)).output, end="", flush=True)


def with_torch() -> Environment | None:
    """The picture worker's, where it has the neural packages; else that of the nox session."""
    own = ENVIRONMENTS["vision"]
    tested = own.elsewhere(ROOT / ".nox" / "vision-neural-test")
    candidates = ((own, "neural"), (tested, "neural-test"))
    return next((environment for environment, kind in candidates if environment.is_ready(kind)), None)
