"""What processes and messages add to a run: `avatar run` beside the same stages called by hand."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.launcher import WORKER_OF, command_of
from shared_schema.engine import file_reference
from shared_schema.messages import FileRef, Result, Task
from shared_schema.stages import LipsyncParams, Params, PortraitParams, SpeechParams, Stage
from tests.bench.measure import SENTENCE, avatar_json, median, run, say

ROUNDS = 3
TEXT = SENTENCE * 12


def main() -> None:
    """Three rounds of each, in turn; a minute of speech."""
    whole, by_hand, own = [], [], []
    resident = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for index in range(ROUNDS):
            made, report = avatar_json(home, "run", "--text", TEXT, "-o", home / f"{index}.mp4")
            whole.append(made.wall)
            own.append(sum(stage["timings"]["total"] for stage in report["stages"]))
            resident = max(resident, report["orchestrator_peak_rss_bytes"])
            by_hand.append(_by_hand(home / f"hand-{index}"))
    say("avatar run, a minute of speech", f"{median(whole):.2f} s")
    say("the same three stages by hand, one after the other", f"{median(by_hand):.2f} s")
    say("what isolation adds (goal: under 2 %)", f"{(median(whole) / median(by_hand) - 1) * 100:+.1f} %")
    say("sum of the stages' own seconds within avatar run", f"{median(own):.2f} s")
    say("orchestrator, most resident memory (goal: under 60 MB)", f"{resident / 1e6:.0f} MB")


def _by_hand(folder: Path) -> float:
    """Seconds for three processes, each of which does one stage and ends."""
    folder.mkdir()
    text = folder / "text"
    text.write_text(TEXT)
    speech, spoken = _stage(
        folder, Stage.SPEECH, "hibari", SpeechParams(), {"text": file_reference(text, folder)}
    )
    portrait, drawn = _stage(folder, Stage.PORTRAIT, "sample", PortraitParams(), {})
    inputs = {**_files(spoken), **_files(drawn)}
    lipsync, _ = _stage(folder, Stage.LIPSYNC, "talking-photo", LipsyncParams(), inputs)
    return speech + portrait + lipsync


def _files(result: Result) -> dict[str, FileRef]:
    return {artifact.name: artifact.file for artifact in result.artifacts}


def _stage(
    folder: Path, stage: Stage, engine: str, params: Params, inputs: dict[str, FileRef]
) -> tuple[float, Result]:
    task = Task(f"hand-{stage}", 1, stage, engine, str(folder), inputs, params)
    request = folder / f"{stage}.json"
    request.write_bytes(msgspec.json.encode(task))
    made = run([*command_of(WORKER_OF[stage]), "--request", request])
    answer: dict[str, Any] = json.loads(made.output)
    return made.wall, msgspec.convert(answer, Result)
