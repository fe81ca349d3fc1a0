"""A sentence whose phonemes nobody knows is driven by its sound, among others that are known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync_worker.engines.talking_photo import TalkingPhoto
from lipsync_worker.mixed import Untimed, mix
from lipsync_worker.pose import rest
from shared_schema.records import Utterance, read_timings, write_utterance
from shared_schema.stages import LipsyncOutcome, LipsyncParams
from tests.workers.conftest import EngineRun, RunEngine
from tests.workers.lipsync.conftest import FACE, PORTRAIT, Speak, Speech

RATE = Fraction(25)
QUIET = LipsyncParams(sway=False, blink=False)


def without_phones(timings: Path, target: Path, *, every: int = 1) -> Path:
    """A copy of a timings file in which every so many utterances have lost their phonemes."""
    with target.open("wb") as file:
        for number, spoken in enumerate(read_timings(timings)):
            phones = spoken.phones if number % every else []
            write_utterance(file, Utterance(spoken.text, spoken.start, spoken.end, phones))
    return target


def test_each_way_counts_where_it_knows_more() -> None:
    blocks = [rest(64), rest(36)]
    for block in blocks:
        block[:] = 0.2
    loud = [np.full_like(block, 0.8) for block in blocks]
    untimed = Untimed(np.array([[1.0, 2.0]]), some_timed=True)
    mixed = np.concatenate(list(mix(iter(blocks), iter(loud), untimed, RATE)))
    times = (np.arange(100) + 0.5) / 25
    assert np.allclose(mixed[(times > 1) & (times < 2)], 0.8)
    assert np.allclose(mixed[(times < 0.9) | (times > 2.1)], 0.2)
    assert np.abs(np.diff(mixed[:, 0])).max() < 0.35


@pytest.fixture
def spoken(speak: Speak) -> Speech:
    return speak()


def animate(run_engine: RunEngine, speech: Path, timings: Path | None) -> EngineRun:
    engine = TalkingPhoto()
    engine.load()
    files = {"portrait": PORTRAIT, "face": FACE, "speech": speech}
    return run_engine(engine, QUIET, **files, **({"timings": timings} if timings else {}))


def driver(run: EngineRun) -> str:
    assert isinstance(run.outcome, LipsyncOutcome)
    return run.outcome.driver


def test_timings_without_a_phoneme_are_as_good_as_none(
    run_engine: RunEngine, spoken: Speech, tmp_path: Path
) -> None:
    bounds_only = animate(run_engine, spoken.wav, without_phones(spoken.timings, tmp_path / "bounds.jsonl"))
    none = animate(run_engine, spoken.wav, None)
    assert driver(bounds_only) == driver(none) == "sound"
    assert bounds_only.files["video"].read_bytes() == none.files["video"].read_bytes()


def test_a_file_with_both_kinds_uses_both(run_engine: RunEngine, spoken: Speech, tmp_path: Path) -> None:
    both = tmp_path / "both.jsonl"
    both.write_bytes(spoken.timings.read_bytes())
    with both.open("ab") as file:
        write_utterance(file, Utterance("?", spoken.seconds - 0.1, spoken.seconds, []))
    assert driver(animate(run_engine, spoken.wav, both)) == "phonemes and sound"
    assert driver(animate(run_engine, spoken.wav, spoken.timings)) == "phonemes"


def test_the_file_is_read_once_for_its_untimed_sentences(spoken: Speech, tmp_path: Path) -> None:
    untimed = Untimed.of(without_phones(spoken.timings, tmp_path / "bounds.jsonl"))
    assert not untimed.some_timed
    assert untimed.bounds.shape[1] == 2
    assert Untimed.of(spoken.timings).bounds.shape == (0, 2)
