"""MuseTalk at full size with random weights: seconds a frame and of each part, beside a plain loop.

Needs `avatar envs sync lipsync --neural`. On a machine without a GPU a few frames are made at full size, then
more with tiny nets.
"""

from __future__ import annotations

from typing import Any

from orchestrator.words import size
from tests.bench.measure import neural, say


def main() -> None:
    """On the first GPU, or on the CPU where there is none."""
    for figures in neural(
        "lipsync", "tests/neural/lipsync/measure_musetalk.py", {"cuda": ["full"], "cpu": ["full", "tiny"]}
    ):
        _say(figures)


def _say(figures: dict[str, Any]) -> None:
    what = figures.pop("what")
    name = figures.pop("name", "") or (f"of {figures.pop('size')}" if "size" in figures else "")
    for key, value in figures.items():
        if key in {"bytes", "peak"}:
            figures[key] = size(value)
        elif key in {"seconds", "first_fragment", "there", "back"}:
            figures[key] = f"{value:.5f} s"
        elif isinstance(value, float):
            figures[key] = f"{value:.2f}"
    say(
        f"{what} {name}".strip(),
        ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in figures.items()),
    )
