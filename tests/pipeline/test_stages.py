"""Each stage, worker and environment alone, as a person debugging it would run them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import wave
from pathlib import Path

import pytest

from tests.pipeline.conftest import AVATAR, PATIENCE, ROOT, Home, Talk


def test_a_face_is_found_and_measured(home: Home, pictures: Path, tmp_path: Path) -> None:
    found = home.run("stage", "face", pictures / "me.jpg", "--json", "-o", tmp_path / "face.json")
    assert found.returncode == 0, found.stderr
    outcome = json.loads(found.stdout)["stages"][0]["outcome"]
    left, top, right, bottom = outcome["box"]
    assert 160 < left < right < 300
    assert 40 < top < bottom < 220
    assert abs(outcome["yaw"]) < 15
    assert outcome["faces"] == 1
    assert len(json.loads((tmp_path / "face.json").read_text())["points"]) == 478


def test_a_portrait_is_made_of_a_chosen_face(home: Home, pictures: Path, tmp_path: Path) -> None:
    made = home.run(
        "stage", "portrait", pictures / "two.png", "--face", "2", "--aspect", "1:1", "--size", "300",
        "-o", tmp_path / "p.png", "--json",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["stages"][0]["outcome"]["width"] == 300


def test_any_recording_drives_the_lips_without_timings(home: Home, talk: Talk, tmp_path: Path) -> None:
    made = home.run("stage", "lipsync", "--speech", talk.speech, "-o", tmp_path / "v.mp4", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["stages"][-1]["outcome"]["driver"] == "sound"


@pytest.mark.parametrize(
    ("stage", "engines"),
    [
        (
            "tts",
            [
                "xtts: not ready",
                "kokoro: not ready",
                "hibari: ready",
                "bark: not ready",
                "xtts-fork: not ready",
            ],
        ),
        ("portrait", ["photo: ready", "sdxl: not ready", "sample: ready"]),
        ("face", ["mediapipe: ready", "mediapipe-track: ready"]),
        ("lipsync", ["musetalk: not ready", "talking-photo: ready", "wav2lip: not ready"]),
    ],
)
def test_the_engines_of_a_stage_are_listed_with_their_state(
    home: Home, stage: str, engines: list[str]
) -> None:
    listed = home.run("stage", stage, "--list-engines")
    assert listed.returncode == 0, listed.stderr
    rows = [line for line in listed.stdout.splitlines() if not line.startswith(" ")]
    found = [re.sub(r"^(\S+)( \d+)? +((not )?ready)\b.*", r"\1: \3", row) for row in rows]
    assert found == engines
    assert max(map(len, listed.stdout.splitlines())) <= 80
    assert "`avatar models fetch kokoro`" in listed.stdout or stage != "tts"


def test_a_stream_s_sound_goes_to_stdout_and_its_words_do_not(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    command = [AVATAR, "stage", "tts", "--text", "Hello.", "--stream", "-o", path]
    made = subprocess.run(command, env=home.environment, capture_output=True, timeout=PATIENCE, check=True)
    with wave.open(str(path)) as sound:
        assert made.stdout == sound.readframes(sound.getnframes())
    assert b"sentences    1" in made.stderr
    assert b"advice" not in made.stderr


def test_a_stream_is_not_poured_into_a_terminal(home: Home, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [AVATAR, "stage", "tts", "--text", "Hello.", "--stream", "-o", tmp_path / "a.wav"]
    refused = subprocess.run(
        command, env=home.environment, stdout=theirs, stderr=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert refused.returncode == 2
    assert b"Pipe it into a player" in refused.stderr
    assert not (tmp_path / "a.wav").exists()


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    (tmp_path / "hello.txt").write_text("Hello, world")
    task = {
        "id": "debug", "attempt": 1, "stage": "tts", "engine": "hibari", "folder": str(tmp_path),
        "inputs": {"text": {"path": "hello.txt", "sha256": "0" * 64, "size": 12}},
        "params": {"type": "speech", "language": "en", "speed": 1.0}, "seed": 0,
    }  # fmt: skip
    path = tmp_path / "task.json"
    path.write_text(json.dumps(task))
    return path


def test_with_verbose_the_workers_logs_are_shown(home: Home, tmp_path: Path) -> None:
    made = home.run("stage", "tts", "--text", "Hello.", "-o", tmp_path / "a.wav", "--verbose")
    assert made.returncode == 0, made.stderr
    assert "avatar: INFO: tts: Loaded hibari 1 (hibari-tts 0.2.1" in made.stderr


def test_a_worker_runs_one_task_from_a_file(home: Home, request_file: Path) -> None:
    done = home.run("worker", "tts", "--request", request_file)
    assert done.returncode == 0, done.stderr
    names = [artifact["name"] for artifact in json.loads(done.stdout)["artifacts"]]
    assert names == ["speech", "timings"]
    assert (request_file.parent / "speech.wav").is_file()


def test_with_pdb_it_stops_in_the_engine(home: Home, request_file: Path) -> None:
    done = home.run(
        "worker", "tts", "--request", request_file, "--pdb", stdin="where\nprint(task.id)\ncontinue\n"
    )
    assert done.returncode == 0, done.stderr
    assert "engines/hibari.py" in done.stdout
    assert "\ndebug\n" in done.stdout.replace("(Pdb) ", "\n")


def test_a_file_that_is_no_task_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "task.json").write_text('{"id": 1}')
    for name, says in (("task.json", "is not a task"), ("missing.json", "No such file")):
        done = home.run("worker", "tts", "--request", tmp_path / name)
        assert done.returncode == 2
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_pdb_without_a_task_is_refused(home: Home) -> None:
    done = home.run("worker", "tts", "--pdb")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--pdb needs --request" in done.stderr


def test_the_environments_are_listed(home: Home) -> None:
    listed = home.run("envs", "list")
    assert listed.returncode == 0
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert [row[0] for row in rows] == ["tts", "tts-fork", "vision", "lipsync"]
    assert all(row[1] == "ready:" for row in rows if row[0] != "tts-fork")


def test_sync_removes_what_the_lock_does_not_name(home: Home) -> None:
    packages = ROOT / "envs/lipsync/.venv/lib/python3.12/site-packages"
    stranger = packages / "stranger-1.0.dist-info"
    stranger.mkdir()
    (stranger / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (stranger / "RECORD").write_text("stranger-1.0.dist-info/METADATA,,\nstranger-1.0.dist-info/RECORD,,\n")
    synced = home.run("envs", "sync", "lipsync")
    assert synced.returncode == 0, synced.stderr
    assert not stranger.exists()


def test_a_shell_in_an_environment_has_its_python_first(home: Home) -> None:
    shell = home.run(
        "envs", "shell", "tts", SHELL="/bin/sh",
        stdin="python -c 'import sys; print(sys.version_info[:2], sys.prefix)'\n",
    )  # fmt: skip
    assert shell.returncode == 0, shell.stderr
    assert shell.stdout.startswith("(3, 11) ")
    assert "tts-py311" in shell.stdout
