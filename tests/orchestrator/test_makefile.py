"""`make run` hands over what it was given, letter by letter."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.environments import ROOT

DEFAULT = ["--output", "output/hello.mp4", "--force"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile, an environment that is ready, and an `avatar` that writes down what it gets."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    scripts = {"python": "exit 0", "avatar": 'for argument; do printf "%s\\0" "$argument"; done'}
    for name, script in scripts.items():
        (binaries / name).write_text(f"#!/bin/sh\n{script}\n")
        (binaries / name).chmod(0o755)
    return tmp_path


def output(checkout: Path, *arguments: str, **variables: str) -> str:
    # Under `make test`, make would take this one for a part of itself.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", *arguments]
    environment = {**clean, **variables}
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=True
    ).stdout


def make(checkout: Path, *arguments: str, **variables: str) -> list[str]:
    """What `avatar` was given."""
    return output(checkout, *arguments, **variables).split("\0")[:-1]


TEXTS = {
    "plain": "Good morning.",
    "quotes": """It's "quoted" and `ticked`""",
    "dollars": "It costs $5, $HOME, $$, $(shell id) and ${x}",
    "shell signs": "a; b && c | d > e # f \\ g * ? ~ !",
    "two lines": "One.\nTwo.",
    "an option": "--force",
    "an equals sign": "E = mc²",
    "nothing": "",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_arrives_as_it_was_written(text: str, checkout: Path) -> None:
    assert make(checkout, "run", f"TEXT={text}") == ["run", "--text", text, *DEFAULT]


def test_without_a_word_the_sample_is_made_and_overwritten(checkout: Path) -> None:
    assert make(checkout, "run") == ["run", *DEFAULT]
    assert (checkout / "output").is_dir()


def test_an_output_that_was_named_is_not_overwritten(checkout: Path) -> None:
    assert make(checkout, "run", "OUT=my film.mp4") == ["run", "--output", "my film.mp4"]
    assert make(checkout, "run", "OUT=a.mp4", "FORCE=1") == ["run", "--force", "--output", "a.mp4"]


def test_every_variable_becomes_its_option(checkout: Path) -> None:
    given = ["PORTRAIT=my photo.jpg", "VOICE=me.wav", "TEXT_FILE=t.txt", "SEED=3", "SIZE=256", "OUT=a.mp4"]
    assert make(checkout, "run", *given) == [
        "run", "--text-file", "t.txt", "--portrait", "my photo.jpg", "--voice", "me.wav",
        "--output", "a.mp4", "--seed", "3", "--size", "256",
    ]  # fmt: skip


def test_variables_of_the_system_are_not_options(checkout: Path) -> None:
    assert make(checkout, "run", LANGUAGE="en_GB:en", SIZE="9", TEXT="no") == ["run", *DEFAULT]


def test_without_a_target_it_lists_what_there_is(checkout: Path) -> None:
    for target in ("run", "setup", "test", "lint", "lock", "bench", "bench-gpu", "clean"):
        assert f"make {target} " in output(checkout)
