"""The page on adding an engine adds one that works, in forty lines."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import soundfile

from shared_schema.engine import file_reference
from shared_schema.messages import Result, Task
from shared_schema.records import read_timings
from shared_schema.stages import SpeechParams, Stage

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/howto/add-an-engine.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_it_takes_forty_lines() -> None:
    code = blocks()[0]
    assert sum(1 for line in code.splitlines() if line.strip()) <= 40


def test_the_engine_of_the_page_speaks(tmp_path: Path) -> None:
    engine, listing = blocks()
    package = tmp_path / "tts_worker"
    shutil.copytree(ROOT / "envs/tts-py311/tts_worker", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "engines/beeps.py").write_text(engine)
    with (package / "engines/__init__.py").open("a") as file:
        file.write(listing)

    folder = tmp_path / "job"
    folder.mkdir()
    script = folder / "script.txt"
    script.write_text("Short. And a longer one.")
    inputs = {"text": file_reference(script, folder)}
    task = Task("toy", 1, Stage.SPEECH, "beeps", str(folder), inputs, SpeechParams())
    (tmp_path / "task.json").write_bytes(msgspec.json.encode(task))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tts_worker", "--request", str(tmp_path / "task.json")],
        # The copy comes before the worker that this environment knows.
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    result = msgspec.convert(json.loads(done.stdout), Result)
    assert soundfile.info(folder / "speech.wav").frames == result.outcome.samples  # type: ignore[union-attr]
    lengths = [spoken.end - spoken.start for spoken in read_timings(folder / "timings.jsonl")]
    assert len(lengths) == 2
    assert lengths[1] > 2 * lengths[0]
