"""An interpreter is found wherever the machine keeps it, and is believed only after it was run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator import interpreters
from orchestrator.interpreters import find_interpreter
from shared_schema.errors import EnvironmentMissing

VERSION = "3.99"  # no machine has it, so that only the tree of the test counts


def place(folder: Path, script: str) -> Path:
    """An executable `python3.99` in this folder."""
    folder.mkdir(parents=True)
    path = folder / f"python{VERSION}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def python(folder: Path, patch: int = 1, **changes: Any) -> Path:
    """One that answers the probe as the real one would."""
    answer = {
        "implementation": "cpython",
        "version": [3, 99, patch],
        "free_threaded": False,
        "executable": str(folder / f"python{VERSION}"),
        "lacks": [],
    }
    return place(folder, f"echo '{json.dumps({**answer, **changes})}'")


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


@pytest.mark.parametrize(
    "folder",
    [
        "home/.pyenv/versions/3.99.1/bin",
        "home/.asdf/installs/python/3.99.1/bin",
        "home/.local/share/mise/installs/python/3.99.1/bin",
        "home/.local/share/uv/python/cpython-3.99.1-linux-x86_64-gnu/bin",
        "home/miniconda3/bin",
        "home/miniforge3/envs/old/bin",
        "bin",
    ],
)
def test_it_is_found_without_being_activated(folder: str, tmp_path: Path, machine: dict[str, str]) -> None:
    expected = python(tmp_path / folder)
    assert find_interpreter(VERSION, machine).path == expected


def test_pyenv_and_conda_are_looked_for_where_their_variables_say(
    tmp_path: Path, machine: dict[str, str]
) -> None:
    first = python(tmp_path / "pyenv/versions/3.99.1/bin", patch=1)
    second = python(tmp_path / "conda/bin", patch=2)
    assert find_interpreter(VERSION, {**machine, "PYENV_ROOT": str(tmp_path / "pyenv")}).path == first
    assert find_interpreter(VERSION, {**machine, "CONDA_PREFIX": str(tmp_path / "conda")}).path == second


def test_the_newest_patch_wins(tmp_path: Path, machine: dict[str, str]) -> None:
    for patch in (2, 10, 9):
        python(tmp_path / f"home/.pyenv/versions/3.99.{patch}/bin", patch)
    found = find_interpreter(VERSION, machine)
    assert (found.version, str(found)) == ((3, 99, 10), "Python 3.99.10")


REJECTED = {
    "a shim that fails": "echo 'pyenv: python3.99: command not found' >&2; exit 127",
    "one of another version": """echo '{"implementation": "cpython", "version": [3, 98, 4],
        "free_threaded": false, "executable": "/x", "lacks": []}'""",
    "a PyPy": """echo '{"implementation": "pypy", "version": [3, 99, 4],
        "free_threaded": false, "executable": "/x", "lacks": []}'""",
    "one that babbles": "echo Python 3.99.0",
    "one that says something else": """echo '{"version": [3, 99, 4]}'""",
}


@pytest.mark.parametrize("script", REJECTED.values(), ids=REJECTED.keys())
def test_what_does_not_prove_itself_is_passed_over(
    script: str, tmp_path: Path, machine: dict[str, str]
) -> None:
    place(tmp_path / "home/.pyenv/versions/3.99.9/bin", script)
    expected = python(tmp_path / "bin")
    assert find_interpreter(VERSION, machine).path == expected


def test_one_that_hangs_is_passed_over(
    tmp_path: Path, machine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "PATIENCE", 0.1)
    place(tmp_path / "bin", "exec sleep 60")
    with pytest.raises(EnvironmentMissing):
        find_interpreter(VERSION, machine)


def test_a_file_that_cannot_be_run_is_passed_over(tmp_path: Path, machine: dict[str, str]) -> None:
    python(tmp_path / "bin").chmod(0o644)
    with pytest.raises(EnvironmentMissing):
        find_interpreter(VERSION, machine)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"lacks": ["_sqlite3"]}, "was built without _sqlite3"), ({"free_threaded": True}, "free-threaded")],
)
def test_an_unusable_build_is_named(
    changes: dict[str, Any], words: str, tmp_path: Path, machine: dict[str, str]
) -> None:
    path = python(tmp_path / "bin", **changes)
    with pytest.raises(EnvironmentMissing, match=f"{path} .*{words}"):
        find_interpreter(VERSION, machine)


def test_a_missing_one_is_named_with_the_ways_to_get_it(machine: dict[str, str]) -> None:
    with pytest.raises(EnvironmentMissing) as caught:
        find_interpreter(VERSION, machine)
    assert caught.value.message == "Python 3.99 is not on this machine."
    for way in ("pyenv install 3.99", "uv python install 3.99", "apt install python3.99"):
        assert way in caught.value.hint


def test_of_a_virtual_environment_its_base_is_taken() -> None:
    """The tests run in one, which may be about to be made anew."""
    found = find_interpreter("3.12", {**os.environ, "PATH": str(Path(sys.executable).parent)})
    code = "import sys; print(sys.prefix == sys.base_prefix, *sys.version_info[:2])"
    answer = subprocess.run([found.path, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["True", "3", "12"]
