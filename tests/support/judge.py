"""Judges a finished video beside its negative controls; run by the vision environment's Python.

Arguments: video, its speech and timings, another clip's speech and timings. Prints JSON:
for each case the score and the bars that it misses.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from shared_schema.records import read_timings
from tests.pipeline import metrics


def main(video: Path, speech: Path, timings: Path, other_speech: Path, other_timings: Path) -> None:
    mouth = metrics.openings(video)
    sound, spoken = metrics.read_wav(speech), list(read_timings(timings))
    late_sound, late_spoken = metrics.shifted(sound, spoken, 0.2)
    other = metrics.read_wav(other_speech), list(read_timings(other_timings))
    cases = {
        "as made": metrics.score(mouth, sound, spoken),
        "sound 200 ms late": metrics.score(mouth, late_sound, late_spoken),
        "another clip's sound": metrics.score(mouth, *other),
        "a frozen mouth": metrics.score(metrics.frozen(mouth), sound, spoken),
    }
    print(json.dumps({name: [asdict(score), score.failures()] for name, score in cases.items()}))


main(*map(Path, sys.argv[1:]))
