"""The most memory of each stage for one minute and for ten: it must not grow with length."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.measure import SENTENCE, avatar_json, say


def main() -> None:
    """One run of each length."""
    with tempfile.TemporaryDirectory() as folder:
        short = _peaks(Path(folder), SENTENCE * 12, "short")
        long = _peaks(Path(folder), SENTENCE * 120, "long")
    for stage, peak in short.items():
        grown = (long[stage] / peak - 1) * 100
        say(
            f"{stage}: 1 minute, 10 minutes (goal: within 10 %)",
            f"{peak / 1e6:.0f} MB, {long[stage] / 1e6:.0f} MB ({grown:+.1f} %)",
        )


def _peaks(home: Path, text: str, name: str) -> dict[str, int]:
    script = home / f"{name}.txt"
    script.write_text(text)
    _, report = avatar_json(home, "run", "--text-file", script, "-o", home / f"{name}.mp4")
    peaks = {stage["stage"]: stage["peak_rss_bytes"] for stage in report["stages"]}
    say(f"{name}: length of the video", f"{report['stages'][-1]['outcome']['seconds']:.0f} s")
    return {**peaks, "orchestrator": report["orchestrator_peak_rss_bytes"]}
