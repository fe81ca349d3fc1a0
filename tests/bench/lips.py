"""MuseTalk at full size with random weights: seconds a frame and of each part, beside a plain loop.

Needs `avatar envs sync lipsync --neural`. On a machine without a GPU a few frames are made at full size, then
more with tiny nets.
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


def main() -> None:
    """On the first GPU, or on the CPU where there is none."""
    environment = ENVIRONMENTS["lipsync"]
    if not environment.is_ready("neural"):
        say("lips", "skipped: run `avatar envs sync lipsync --neural`")
        return
    gpus = [device for device, _ in devices(os.environ) if not device.is_host]
    script = ROOT / "tests/neural/lipsync/measure_musetalk.py"
    variables = device_variables(gpus[0].uuid if gpus else "cpu")
    for device, sizes in [("cuda", "full")] if gpus else [("cpu", "full"), ("cpu", "tiny")]:
        done = run([environment.python_path, script, device, sizes], None, **variables)
        for line in done.output.splitlines():
            if line.startswith("{"):
                _say(json.loads(line))


def _say(figures: dict[str, Any]) -> None:
    what = figures.pop("what")
    name = figures.pop("name", "") or (f"of {figures.pop('size')}" if "size" in figures else "")
    for key, value in figures.items():
        if key in {"bytes", "peak"}:
            figures[key] = size(value)
        elif key in {"seconds", "first_fragment", "there", "back"}:
            figures[key] = f"{value:.4f} s"
        elif isinstance(value, float):
            figures[key] = f"{value:.2f}"
    say(
        f"{what} {name}".strip(),
        ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in figures.items()),
    )
