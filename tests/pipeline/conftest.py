"""The real command in the real environments: what a user runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AVATAR = Path(sys.executable).with_name("avatar")
VISION_PYTHON = ROOT / "envs/vision-py312/.venv/bin/python"
PATIENCE = 240
"""Seconds for one command: first imports on a loaded machine are slow."""


@dataclass(frozen=True)
class Home:
    """An AVATAR_HOME, and what is left in it."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "AVATAR_HOME": str(self.path), "OMP_NUM_THREADS": "1", "COLUMNS": "80"}

    def run(
        self, *arguments: object, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `avatar` with further environment variables, and wait for it."""
        return subprocess.run(
            [AVATAR, *map(str, arguments)],
            env={**self.environment, **variables},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def leftovers(self) -> list[str]:
        """Jobs, run directories and processes that a command has left behind."""
        folders = (self.path / "state/jobs", self.path / "run")
        files = [str(path) for folder in folders if folder.is_dir() for path in folder.iterdir()]
        mark = f"AVATAR_HOME={self.path}".encode()
        processes = [f"process {pid}" for pid in _processes() if mark in _environ(pid).split(b"\0")]
        return files + processes


def _processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it ended meanwhile, or is not ours
        return b""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("h"))


@pytest.fixture(autouse=True)
def nothing_is_left_behind(home: Home) -> Iterator[None]:
    yield
    assert home.leftovers() == []


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos made of the sample portrait; the vision environment has what it takes to make them."""
    folder = tmp_path_factory.mktemp("pictures")
    subprocess.run([VISION_PYTHON, ROOT / "tests/support/pictures.py", folder], check=True, timeout=PATIENCE)
    return folder


@dataclass(frozen=True)
class Talk:
    """A finished video with what it was made of."""

    video: Path
    speech: Path
    timings: Path
    report: dict[str, object]


@pytest.fixture(scope="session")
def talk(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """The sample portrait speaking the sample text, and the same speech with its timings apart."""
    folder = tmp_path_factory.mktemp("talk")
    video, speech, timings = folder / "hello.mp4", folder / "hello.wav", folder / "hello.jsonl"
    made = home.run("run", "-o", video, "--json")
    assert made.returncode == 0, made.stderr
    spoken = home.run("stage", "tts", "-o", speech, "--timings", timings)
    assert spoken.returncode == 0, spoken.stderr
    return Talk(video, speech, timings, json.loads(made.stdout))
