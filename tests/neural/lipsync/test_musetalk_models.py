"""Which of MuseTalk's models must be there, in which version, and what is said where one is not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lipsync_worker.engines import musetalk as engine_module
from lipsync_worker.engines.musetalk import MuseTalk
from lipsync_worker.models import MUSETALK, VAE, WHISPER
from shared_schema.errors import EngineUnavailable, InputError, WeightsError
from shared_schema.stages import Dubbing, LipsyncParams
from shared_schema.weights import RECORD_NAME
from tests.neural.lipsync.conftest import Perform
from tests.workers.lipsync.conftest import Speak

STILL = LipsyncParams(sway=False, blink=False)


@pytest.fixture
def speech(speak: Speak) -> Path:
    """Nine frames at 25 a second."""
    return speak([("", 0.08), ("ɑ", 0.2), ("", 0.08)]).wav


def dubbing(**wishes: Any) -> LipsyncParams:
    return LipsyncParams(sway=False, blink=False, dubbing=Dubbing(**wishes))


def test_it_is_ready_when_packages_and_all_three_models_are_there(home: Path) -> None:
    assert MuseTalk.availability().ready


@pytest.mark.parametrize("name", [VAE, WHISPER])
def test_without_one_of_its_models_it_says_which(home: Path, name: str) -> None:
    shutil.rmtree(home / "models" / name)
    available = MuseTalk.availability()
    assert (available.ready, available.lacks) == (False, f"The weights {name} are not on this machine.")
    assert available.remedy == f"Run `avatar models fetch {name}`."
    with pytest.raises(EngineUnavailable, match=f"weights {name} are not on this machine"):
        MuseTalk().load()


def test_one_version_suffices_and_without_any_the_better_one_is_wanted(home: Path) -> None:
    shutil.rmtree(home / "models" / MUSETALK["v1.5"])
    assert MuseTalk.availability().ready
    engine = MuseTalk()
    engine.load()
    assert engine.network.version == "v1"
    engine.unload()
    shutil.rmtree(home / "models" / MUSETALK["v1"])
    available = MuseTalk.availability()
    assert (available.ready, available.remedy) == (False, "Run `avatar models fetch musetalk-v15`.")
    with pytest.raises(EngineUnavailable, match="weights musetalk-v15 are not on this machine"):
        MuseTalk().load()


def test_without_packages_one_command_brings_them_and_the_weights(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "PACKAGES", ("torch", "no-such-package"))
    available = MuseTalk.availability()
    assert (available.ready, available.remedy) == (False, "Run `avatar envs sync lipsync --neural`.")
    shutil.rmtree(home / "models" / WHISPER)
    remedy = MuseTalk.availability().remedy
    assert remedy.startswith("Run `avatar models fetch whisper-tiny ")
    assert remedy.endswith(" --packages`.")


def test_a_version_that_does_not_exist_is_refused(engine: MuseTalk, perform: Perform, speak: Speak) -> None:
    params = LipsyncParams(dubbing=Dubbing(version="v2"))
    with pytest.raises(InputError, match=r"no MuseTalk v2\. There are v1\.5, v1\.$"):
        perform(engine, speak([("ɑ", 0.1)]).wav, params)


def test_a_version_that_is_not_here_is_refused_and_the_one_that_is_goes_on_working(
    engine: MuseTalk, home: Path, perform: Perform, speak: Speak
) -> None:
    shutil.rmtree(home / "models" / MUSETALK["v1"])
    speech = speak([("ɑ", 0.1)]).wav
    with pytest.raises(EngineUnavailable, match="weights musetalk-v1 are not on this machine"):
        perform(engine, speech, LipsyncParams(dubbing=Dubbing(version="v1")))
    assert perform(engine, speech).outcome.frames == 3


def test_a_damaged_record_is_told_before_anything_is_drawn(
    engine: MuseTalk, home: Path, perform: Perform, speak: Speak
) -> None:
    record = home / "models" / VAE / RECORD_NAME
    record.unlink()  # a link to one that other tests use
    record.write_bytes(b"{")
    with pytest.raises(WeightsError, match="record of the weights sd-vae-ft-mse is damaged"):
        perform(engine, speak([("ɑ", 0.1)]).wav)


def test_another_version_is_read_when_it_is_asked_for_and_only_then(
    engine: MuseTalk, perform: Perform, speech: Path
) -> None:
    usual = perform(engine, speech, STILL).video
    assert engine.network.version == "v1.5"
    made = perform(engine, speech, dubbing(version="v1"))
    assert engine.network.version == "v1"
    assert made.video != usual, "its box ends at the chin"
    assert ("reading musetalk-v1", 0, 0) in made.progress
    unasked = perform(engine, speech, STILL)
    assert engine.network.version == "v1.5"
    assert unasked.video == usual, "what was asked for before must not matter"
    assert not [phase for phase, _, _ in perform(engine, speech, STILL).progress if "reading" in phase]


def test_only_version_1_has_a_shift(engine: MuseTalk, perform: Perform, speech: Path) -> None:
    with pytest.raises(InputError, match=r"Only MuseTalk v1 has a shift\. Leave it out, or ask for v1\."):
        perform(engine, speech, dubbing(shift=5))
    videos = {perform(engine, speech, dubbing(version="v1", shift=shift)).video for shift in (0, 9)}
    assert len(videos) == 2


def test_compat_counts_frames_as_published_and_draws_by_the_seed(
    engine: MuseTalk, perform: Perform, speech: Path
) -> None:
    params = LipsyncParams(
        fps_numerator=30_000, fps_denominator=1001, blink=False, sway=False, dubbing=Dubbing(compat=True)
    )
    one, other = (perform(engine, speech, params, seed=seed) for seed in (1, 2))
    assert one.outcome.frames == 10  # of 29 a second, whole ones
    assert one.video != other.video
