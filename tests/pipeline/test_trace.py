"""What a real run leaves behind to look at: its journal, and the trace of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pipeline.conftest import Home
from tests.support.trace_events import Json, checked, slices

WORKERS = {
    "tts worker": "tts (hibari)",
    "vision worker": "portrait (",
    "lipsync worker": "lipsync (talking-photo)",
}


@pytest.fixture(scope="module")
def video(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run has made. A run of its own: only the newest journals are kept."""
    path = tmp_path_factory.mktemp("traced") / "hello.mp4"
    made = home.run("run", "-o", path, "--text", "Good morning.")
    assert made.returncode == 0, made.stderr
    return path


@pytest.fixture
def events(video: Path, home: Home, tmp_path: Path) -> list[Json]:
    """The trace of a whole run."""
    job = next(
        line.split()[0] for line in home.run("trace", "--list").stdout.splitlines() if str(video) in line
    )
    out = tmp_path / "trace.json"
    made = home.run("trace", job, "-o", out)
    assert made.returncode == 0, made.stderr
    return checked(out.read_bytes())


def test_each_worker_has_its_task_with_phases_in_its_process(events: list[Json]) -> None:
    for worker, name in WORKERS.items():
        (task, *phases) = slices(events, worker, "tasks")
        assert task[0].startswith(name)
        assert phases
        assert all(task[1] <= begin <= end <= task[2] for _, begin, end in phases)
        ((_, started, ended),) = slices(events, worker, "process")
        assert started <= task[1] <= task[2] <= ended


def test_tasks_say_what_they_took(events: list[Json]) -> None:
    tasks = [event for event in events if event["ph"] == "X" and "peak" in " ".join(event["args"])]
    assert len(tasks) == len(WORKERS)
    for task in tasks:
        assert task["args"]["host_peak"] > 0
        assert task["args"]["seconds"] > 0
        assert "failure" not in task["args"]


def test_lip_sync_follows_speech_and_portrait(events: list[Json]) -> None:
    begin = {worker: slices(events, worker, "tasks")[0][1] for worker in WORKERS}
    end = {worker: slices(events, worker, "tasks")[0][2] for worker in WORKERS}
    assert begin["lipsync worker"] >= max(end["tts worker"], end["vision worker"])


def test_with_an_exclusive_lease_the_owners_follow_each_other(home: Home, tmp_path: Path) -> None:
    done = home.run(
        *("run", "--text", "Good morning.", "-o", tmp_path / "out.mp4"),
        AVATAR_LEASE="exclusive",
        AVATAR_DEVICE="cpu",
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^RAM: \w+ -> \w+ \d.* m?s, \d.* [MG]B$", done.stderr, re.MULTILINE)) == 2
    events = checked(home.run("trace", "last", "-o", "-").stdout)
    turns = slices(events, "RAM: host memory", "owner")
    assert [name for name, _, _ in turns if ":" not in name][-1] == "lipsync"
    assert sorted(name for name, _, _ in turns) == sorted(
        ["tts", "vision", "lipsync", "tts: unload", "vision: unload"]
    )
    # One track is enough: nobody's turn begins before the last one's release is over.
    assert slices(events, "RAM: host memory", "owner (2)") == []


def test_the_list_shows_the_run_and_how_it_ended(video: Path, home: Home) -> None:
    line = next(line for line in home.run("trace", "--list").stdout.splitlines() if str(video) in line)
    assert " done " in line
    assert "run -o" in line


def test_a_failed_run_leaves_its_journal_with_the_error_s_code(home: Home, tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    noise.write_bytes(b"This is no picture.")
    failed = home.run("run", "--text", "My secret.", "--portrait", noise, "-o", tmp_path / "out.mp4")
    assert failed.returncode == 2
    newest = home.run("trace", "--list").stdout.splitlines()[0]
    assert " bad-photo " in newest
    assert str(noise) in newest
    assert "secret" not in newest


def test_to_list_engines_leaves_no_journal(home: Home) -> None:
    before = home.run("trace", "--list").stdout
    assert home.run("stage", "tts", "--list-engines").returncode == 0
    assert home.run("trace", "--list").stdout == before
