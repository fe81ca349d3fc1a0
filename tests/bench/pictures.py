"""SDXL at full size with random weights: loading, steps a second, moves and memory, beside plain diffusers.

Needs `avatar envs sync vision --neural` and 7 GB of disk. On a machine without a GPU the nets of full size
are loaded only, and tiny ones draw.
"""

from __future__ import annotations

import json
import os
from typing import Any

from orchestrator.environments import ENVIRONMENTS
from orchestrator.gpu.find import devices
from orchestrator.process import device_variables
from orchestrator.words import size
from tests.bench.measure import ROOT, run, say

STEPS = 30


def main() -> None:
    """On the first GPU, or on the CPU where there is none."""
    environment = ENVIRONMENTS["vision"]
    if not environment.is_ready("neural"):
        say("pictures", "skipped: run `avatar envs sync vision --neural`")
        return
    gpus = [device for device, _ in devices(os.environ) if not device.is_host]
    script = ROOT / "tests/neural/vision/measure_sdxl.py"
    variables = device_variables(gpus[0].uuid if gpus else "cpu")
    for device, sizes in [("cuda", "full")] if gpus else [("cpu", "full"), ("cpu", "tiny")]:
        done = run([environment.python_path, script, device, sizes, STEPS], None, **variables)
        for line in done.output.splitlines():
            if line.startswith("{"):
                _say(json.loads(line))


def _say(figures: dict[str, Any]) -> None:
    what = figures.pop("what")
    for name, value in figures.items():
        if name in {"bytes", "peak", "allocated", "reserved", "process"}:
            figures[name] = size(value)
        elif name in {"seconds", "there", "back"}:
            figures[name] = f"{value:.2f} s"
    if what == "picture":
        figures.pop("all")
    named = [f"{name} {value}" for name, value in figures.items() if name not in {"way", "profile"}]
    kind = figures.get("way") or figures.get("profile") or ""
    say(f"{what} {kind}".strip(), ", ".join(named))
