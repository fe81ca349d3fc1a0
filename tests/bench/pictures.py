"""SDXL at full size with random weights: loading, steps a second, moves and memory, beside plain diffusers.

Needs `avatar envs sync vision --neural` and 7 GB of disk. On a machine without a GPU the nets of full size
are loaded only, and tiny ones draw.
"""

from __future__ import annotations

from typing import Any

from orchestrator.words import size
from tests.bench.measure import neural, say

STEPS = 30


def main() -> None:
    """On the first GPU, or on the CPU where there is none."""
    for figures in neural(
        "vision", "tests/neural/vision/measure_sdxl.py", {"cuda": ["full"], "cpu": ["full", "tiny"]}, STEPS
    ):
        _say(figures)


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
