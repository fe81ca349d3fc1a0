"""A script ten times as long takes no more memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import resource, sys
from pathlib import Path
from shared_schema.engine import Context, file_reference
from shared_schema.messages import Task
from shared_schema.stages import SpeechParams, Stage
from tts_worker.engines.hibari import HibariEngine

folder = Path(sys.argv[1])
paragraph = (
    "The quick brown fox jumps over the lazy dog. Well, well. This one is a longer sentence, which goes "
    "on for a while because nobody stopped it, and it runs out of words only when all has been said. "
) * 3
engine = HibariEngine()
engine.load()
for times in (1, 10):
    (folder / "text.txt").write_text((paragraph + "\\n\\n") * times)
    text = file_reference(folder / "text.txt", folder)
    task = Task("t", 1, Stage.SPEECH, "hibari", str(folder), {"text": text}, SpeechParams())
    outcome = engine.run(task, Context(task))
    print(outcome.samples / outcome.sample_rate, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_length_of_the_script(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout.split()
    short_seconds, short_peak, long_seconds, long_peak = map(float, done)
    assert long_seconds > 9 * short_seconds
    assert long_seconds > 300
    assert long_peak < 1.1 * short_peak
