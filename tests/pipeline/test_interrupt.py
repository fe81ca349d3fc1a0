"""Ctrl-C at any time: status 130, no orphan, no half file. And what becomes of harder ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import AVATAR, PATIENCE, Home
from tests.support.processes import ends_within

LONG_TEXT = "The quick brown fox jumps over the lazy dog, and then it does so again. " * 80

Begin = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def begin(home: Home, tmp_path: Path) -> Iterator[Begin]:
    """`begin(stage)` starts a long run and waits for the stage's first line; for "", for nothing."""
    started = []

    def start(stage: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [AVATAR, "run", "--text", LONG_TEXT, "-o", tmp_path / "out.mp4"],
            env=home.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        while stage and not process.stderr.readline().startswith(stage):
            assert process.poll() is None
        return process

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.mark.parametrize("stage", ["", "portrait", "tts", "lipsync"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_with_nothing_left(
    stage: str, number: signal.Signals, status: int, begin: Begin, tmp_path: Path
) -> None:
    process = begin(stage)
    process.send_signal(number)
    _, rest = process.communicate(timeout=PATIENCE)
    # Before Python has set up its handlers, the signal itself ends it; shells report the same status.
    assert process.returncode == (status if stage else process.returncode)
    assert process.returncode in (status, -number)
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_a_closed_terminal_ends_it_too(begin: Begin, tmp_path: Path) -> None:
    process = begin("lipsync")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 129
    assert list(tmp_path.iterdir()) == []


def test_a_second_ctrl_c_ends_it_at_once_and_still_leaves_no_process(begin: Begin, tmp_path: Path) -> None:
    process = begin("lipsync")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode in (130, -signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


def test_killed_it_leaves_no_worker_and_the_next_command_sweeps_up(
    begin: Begin, home: Home, tmp_path: Path
) -> None:
    process = begin("lipsync")
    workers = [entry for entry in home.leftovers() if entry.startswith("process")]
    assert len(workers) == 4  # itself and three workers
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert all(ends_within(int(entry.split()[1]), 10) for entry in workers)
    assert home.leftovers() != []
    assert home.run("stage", "portrait", "-o", tmp_path / "p.png").returncode == 0
    assert home.leftovers() == []


def test_two_runs_at_once_do_not_disturb_each_other(home: Home, tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [AVATAR, "run", "--text", f"Number {name}.", "-o", tmp_path / f"{name}.mp4"],
            env=home.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for process in both:
        with process:
            _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.mp4", "two.mp4"]


def test_a_worker_in_the_foreground_runs_until_ctrl_c(home: Home) -> None:
    process = subprocess.Popen(
        [AVATAR, "worker", "tts"],
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert "hibari" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in rest


def test_a_task_from_a_file_ends_with_ctrl_c_too(home: Home, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(LONG_TEXT)
    text = {"path": "long.txt", "sha256": "0" * 64, "size": len(LONG_TEXT)}
    task = {"id": "debug", "attempt": 1, "stage": "tts", "engine": "hibari", "folder": str(tmp_path)}
    request = tmp_path / "task.json"
    request.write_text(json.dumps({**task, "inputs": {"text": text}, "params": {"type": "speech"}}))
    process = subprocess.Popen(
        [AVATAR, "worker", "tts", "--request", request],
        env=home.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C goes to all of a terminal's foreground group
    )
    with process:
        assert process.stderr is not None
        while "Loaded" not in process.stderr.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, rest = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert not (tmp_path / "speech.wav").exists()
