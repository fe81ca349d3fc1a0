"""Weights are found where they were put, whole, and used when their licence was accepted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from shared_schema import paths, weights
from shared_schema.engine import Availability
from shared_schema.errors import WeightsError
from shared_schema.fetched import with_weights
from shared_schema.weights import RECORD_NAME, File, Record


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path))
    return tmp_path


def put(name: str, terms: str = "") -> Path:
    folder = paths.models_dir() / name
    folder.mkdir(parents=True)
    record = Record(name, "main", "cpml", {"config.json": File(2, "a" * 64)}, terms)
    (folder / RECORD_NAME).write_bytes(msgspec.json.encode(record))
    return folder


def test_they_lie_under_the_projects_home(home: Path) -> None:
    assert put("kokoro") == home / "models" / "kokoro"
    assert weights.find("kokoro") == home / "models" / "kokoro"


def test_a_folder_without_a_record_does_not_count(home: Path) -> None:
    (home / "models" / "kokoro").mkdir(parents=True)
    assert weights.find("kokoro") is None


def test_the_record_comes_back_as_it_was_written() -> None:
    record = weights.read_record(put("xtts-v2", "non-commercial use only"))
    assert (record.name, record.terms) == ("xtts-v2", "non-commercial use only")
    assert record.files == {"config.json": File(2, "a" * 64)}


def test_missing_weights_say_how_to_get_them() -> None:
    available = weights.availability_of_weights("kokoro")
    assert not available.ready
    assert available.remedy == "Run `avatar models fetch kokoro`."


def test_where_packages_are_missing_too_one_command_brings_both() -> None:
    lacking = Availability(
        ready=False, lacks="The package torch is missing.", remedy="Run `avatar envs sync`."
    )
    both = with_weights(lacking, "sdxl-base", "sdxl-vae")
    assert (both.ready, both.lacks) == (False, lacking.lacks)
    assert both.remedy == "Run `avatar models fetch sdxl-base sdxl-vae --packages`."
    put("sdxl-base")
    assert with_weights(lacking, "sdxl-base", "sdxl-vae") == lacking
    assert with_weights(Availability(ready=True), "sdxl-base", "sdxl-vae").ready


def test_weights_with_terms_wait_for_their_acceptance() -> None:
    put("xtts-v2", "non-commercial use only")
    refused = weights.availability_of_weights("xtts-v2")
    assert not refused.ready
    assert "non-commercial use only" in refused.lacks
    assert "--accept-license xtts-v2" in refused.remedy
    weights.accept_licence("xtts-v2")
    assert weights.availability_of_weights("xtts-v2").ready


def test_weights_without_terms_ask_nobody() -> None:
    put("kokoro")
    assert weights.availability_of_weights("kokoro").ready


def test_one_acceptance_leaves_the_others_as_they_were(home: Path) -> None:
    weights.accept_licence("xtts-v2")
    weights.accept_licence("musetalk-v1")
    assert weights.is_accepted("xtts-v2")
    assert weights.is_accepted("musetalk-v1")
    assert not weights.is_accepted("bark")
    assert [path.name for path in (home / "models").iterdir()] == ["licences.json"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", bytes(range(256))])
def test_a_damaged_record_makes_the_weights_unusable_and_says_what_to_do(content: bytes) -> None:
    (put("kokoro") / RECORD_NAME).write_bytes(content)
    available = weights.availability_of_weights("kokoro")
    assert not available.ready
    assert "record of the weights kokoro is damaged" in available.lacks
    assert "avatar models rm kokoro" in available.remedy
    with pytest.raises(WeightsError, match="kokoro is damaged"):
        weights.read_record(paths.models_dir() / "kokoro")


def test_a_damaged_list_of_licences_is_told_and_takes_no_engine_with_it(home: Path) -> None:
    put("xtts-v2", "non-commercial use only")
    put("kokoro")
    (home / "models" / "licences.json").write_bytes(b"{")
    available = weights.availability_of_weights("xtts-v2")
    assert not available.ready
    assert "licences.json is damaged" in available.lacks
    assert weights.availability_of_weights("kokoro").ready
