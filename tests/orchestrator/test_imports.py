"""What a package imports is read from its sources and compared with what it is declared to need."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.environments import ROOT
from orchestrator.imports import check, declared_by
from shared_schema.errors import InputError

SOURCE = """
import os
import sunny
from cloudy.sub import rain
from . import near
import absent_always
try:
    import absent_maybe
except ImportError:
    absent_maybe = None


def later() -> None:
    import absent_later
    import windy
"""


def install(site: Path, name: str, files: dict[str, str], requires: list[str]) -> None:
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    (info / "METADATA").write_text(
        "\n".join([*lines, *(f"Requires-Dist: {each}" for each in requires)]) + "\n"
    )
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    record = [*files, f"{info.name}/METADATA", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in record))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    files = {"weather/__init__.py": SOURCE, "weather/near.py": "\ufeffimport weather\nPATH = '\\h'\n"}
    install(tmp_path, "weather", files, ["sunny-days>=1", "umbrella", 'snow; extra == "winter"'])
    install(tmp_path, "sunny-days", {"sunny.py": ""}, [])
    install(tmp_path, "Cloud_Y", {"cloudy/__init__.py": "", "cloudy/sub.py": ""}, [])
    install(tmp_path, "windy", {"windy.py": "raise RuntimeError('it was imported')"}, [])
    install(tmp_path, "umbrella", {"umbrella.py": ""}, [])
    return tmp_path


def test_what_is_imported_and_not_declared_is_named(site: Path) -> None:
    assert check(site, "weather").undeclared == ["cloud-y", "windy"]


def test_what_is_declared_and_not_imported_is_named(site: Path) -> None:
    assert check(site, "weather").unused == ["umbrella"]


def test_what_is_not_there_is_told_apart_by_when_it_is_missed(site: Path) -> None:
    found = check(site, "weather")
    assert found.missing == ["absent_always (weather/__init__.py)"]
    assert found.optional == [
        "absent_later (weather/__init__.py)", "absent_maybe (weather/__init__.py)",
    ]  # fmt: skip


def test_what_we_declare_comes_before_what_a_dead_package_says(site: Path) -> None:
    found = check(site, "weather", ["Sunny.Days==1", "cloud-y", "windy<2"])
    assert (found.undeclared, found.unused) == ([], [])


def test_a_package_that_is_not_installed_is_an_error(site: Path) -> None:
    with pytest.raises(InputError, match="thunder is not installed"):
        check(site, "thunder")


def test_the_speech_environment_declares_for_the_dead_package() -> None:
    declared = declared_by(ROOT / "envs/tts-py311/pyproject.toml", "tts")
    assert "trainer==0.0.36" in declared
    assert declared_by(ROOT / "envs/lipsync/pyproject.toml", "tts") == []
