"""What it costs to start the command: CPU beside a bare interpreter's."""

from __future__ import annotations

import sys

from tests.bench.measure import AVATAR, median, run, say

RUNS = 15


def main() -> None:
    """`avatar --help` and `python -c pass`, in turn."""
    helps, bares = [], []
    for _ in range(RUNS):
        helps.append(run([AVATAR, "--help"]).cpu)
        bares.append(run([sys.executable, "-c", "pass"]).cpu)
    say("avatar --help, CPU (goal: under 150 ms)", f"{median(helps) * 1000:.0f} ms")
    say("python -c pass, CPU", f"{median(bares) * 1000:.0f} ms")
    say("ratio", f"{median(helps) / median(bares):.1f}")
