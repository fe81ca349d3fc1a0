"""How the benches run commands and say figures."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.environments import ENVIRONMENTS
from orchestrator.gpu.find import devices
from orchestrator.process import device_variables

__all__ = ["AVATAR", "ROOT", "SENTENCE", "Run", "avatar_json", "median", "neural", "run", "say"]

ROOT = Path(__file__).parents[2]
AVATAR = Path(sys.executable).with_name("avatar")
SENTENCE = "A quick brown fox jumps over the lazy dog, while five warm boats move past the village. "
"""About five seconds of speech."""


@dataclass(frozen=True)
class Run:
    """One command: seconds by the clock, seconds of CPU (with its children), what it printed."""

    wall: float
    cpu: float
    output: str


def run(command: list[Any], home: Path | None = None, **variables: str) -> Run:
    """Run a command to its end; CalledProcessError, with its stderr printed, where it fails."""
    environment = {**os.environ, **({"AVATAR_HOME": str(home)} if home else {}), **variables}
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, check=False
    )
    after = os.times()
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(time.perf_counter() - began, cpu, done.stdout)


def avatar_json(home: Path, *arguments: Any) -> tuple[Run, dict[str, Any]]:
    """Run an `avatar` command with `--json`: the run, and what it reported."""
    made = run([AVATAR, *arguments, "--json"], home)
    return made, json.loads(made.output)


def neural(
    worker: str, script: str, sizes: dict[str, list[str]], *arguments: Any
) -> Iterator[dict[str, Any]]:
    """What a script prints in a worker's neural environment, on the first GPU or the CPU where there is none.

    It is run as `script DEVICE SIZES arguments`, once for each of the device's `sizes`.
    """
    environment = ENVIRONMENTS[worker]
    if not environment.is_ready("neural"):
        say(worker, f"skipped: run `avatar envs sync {worker} --neural`")
        return
    gpus = [device for device, _ in devices(os.environ) if not device.is_host]
    variables = device_variables(gpus[0].uuid if gpus else "cpu")
    device = "cuda" if gpus else "cpu"
    for size in sizes[device]:
        done = run([environment.python_path, ROOT / script, device, size, *arguments], None, **variables)
        yield from (json.loads(line) for line in done.output.splitlines() if line.startswith("{"))


def median(values: list[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def say(what: str, figure: str) -> None:
    """Print one figure."""
    print(f"  {what:<58} {figure}", flush=True)
