"""`avatar status` says what is: of the device, of runs that live, and of nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from orchestrator import locks
from orchestrator.gpu.events import Ended, Event, Started, Waiting, Withdrawn
from orchestrator.gpu.profiles import settings
from orchestrator.rundir import RunDirectory
from orchestrator.statusfile import INTERVAL, DeviceStatus, Status, StatusFile, all_running
from shared_schema import paths
from tests.support.happenings import GB, GPU, began, handed_over

ROOT = Path(__file__).parents[2]
AVATAR = Path(sys.executable).with_name("avatar")
PATIENCE = 60


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "80", "AVATAR_DEVICE": "cpu", **more}


def avatar(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AVATAR, *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that can be taken for a worker."""
    with subprocess.Popen(["sleep", "3600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def busy(home: Path, sleeper: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[str]]:
    """An orchestrator in another process, in the middle of a run; its second worker is gone already."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    command = [sys.executable, "-m", "tests.support.busy_orchestrator", str(sleeper.pid), str(gone.pid)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert Path(process.stdout.readline().strip()).parent == paths.runtime_dir()
        yield process
        process.kill()


def test_without_a_run_it_says_so_and_shows_the_device() -> None:
    shown = avatar("status")
    assert shown.returncode == 0
    assert shown.stderr == ""
    assert "host memory" in shown.stdout
    assert "profile   cpu" in shown.stdout
    assert "No run is under way." in shown.stdout


def test_it_shows_who_owns_who_waits_and_what_each_does(
    busy: subprocess.Popen[str], sleeper: subprocess.Popen[bytes]
) -> None:
    shown = avatar("status")
    assert shown.returncode == 0
    assert shown.stderr == ""
    assert "No run" not in shown.stdout
    assert "run       run -o a.mp4" in shown.stdout
    assert f"process {busy.pid}, for" in shown.stdout
    assert "RAM       tts owns it for" in shown.stdout
    assert "up to 2.0 GB" in shown.stdout
    assert "lipsync waits for 4.0 GB for" in shown.stdout
    tts = next(line for line in shown.stdout.splitlines() if line.startswith("tts"))
    assert f"process {sleeper.pid} " in tts
    assert " MB  tts: speaking for" in tts


def test_a_worker_that_is_gone_meanwhile_is_no_error(busy: subprocess.Popen[str]) -> None:
    line = next(line for line in avatar("status").stdout.splitlines() if line.startswith("lipsync "))
    assert line.endswith("its process is gone")


def test_no_line_is_longer_than_80_columns(busy: subprocess.Popen[str]) -> None:
    assert max(len(line) for line in avatar("status").stdout.splitlines()) <= 80


def test_as_json_it_is_one_object_with_what_was_measured(
    busy: subprocess.Popen[str], sleeper: subprocess.Popen[bytes]
) -> None:
    shown = json.loads(avatar("status", "--json").stdout)
    (device,), (run,) = shown["devices"], shown["runs"]
    assert (device["uuid"], device["kind"], device["profile"]) == ("cpu", "RAM", "cpu")
    assert 0 < device["free"] <= device["total"]
    assert run["status"]["pid"] == busy.pid
    assert run["status"]["devices"][0]["owners"][0]["epoch"] == 3
    assert run["seen"][0]["pid"] == sleeper.pid
    assert 0 < run["seen"][0]["bytes"] < GB
    assert run["seen"][1]["alive"] is False


def test_looking_leaves_the_run_alone(busy: subprocess.Popen[str]) -> None:
    for _ in range(3):
        assert avatar("status").returncode == 0
    assert all_running()[0].pid == busy.pid
    busy.communicate("", timeout=PATIENCE)
    assert busy.returncode == 0
    assert all_running() == []


def test_a_killed_run_is_not_shown_and_not_swept_up(busy: subprocess.Popen[str]) -> None:
    busy.kill()
    busy.communicate(timeout=PATIENCE)
    assert "No run is under way." in avatar("status").stdout
    assert len(list(paths.runtime_dir().iterdir())) == 1


def test_what_another_version_wrote_is_passed_over() -> None:
    with RunDirectory.create() as directory:
        (directory.folder / "status.json").write_text('{"version": 7}')
        shown = avatar("status")
    assert shown.returncode == 0
    assert "No run is under way." in shown.stdout


def test_json_and_watch_exclude_each_other() -> None:
    failed = avatar("status", "--json", "--watch")
    assert failed.returncode == 2
    assert "exclude each other" in failed.stderr


def test_watching_goes_on_until_ctrl_c(busy: subprocess.Popen[str]) -> None:
    """On a terminal: it is redrawn when something changes, here when the run ends."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [AVATAR, "status", "--watch"], env=environment(TERM="xterm"), stdout=theirs
    ) as watch:
        os.close(theirs)
        seen = _until(ours, b"tts owns it")
        assert b"No run is under way" not in seen
        busy.communicate("", timeout=PATIENCE)
        _until(ours, b"No run is under way")
        watch.send_signal(signal.SIGINT)
        _until(ours, b"")
        assert watch.wait(PATIENCE) == 0
    os.close(ours)


def _until(terminal: int, words: bytes) -> bytes:
    """What a terminal shows until these words come; without words, until its other side is closed."""
    seen = b""
    while not words or words not in seen:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # EIO: nobody holds the other side
            if words:
                raise
            break
    return seen


def states(events: list[Event], folder: Path) -> Status:
    """The last state of the file after these events, which came at once."""

    async def listen() -> bytes:
        device = DeviceStatus.of(GPU, settings(GPU, {}))
        with StatusFile(folder, "run", [device]) as file:
            for event in events:
                file(event)
            # The loop calls back in the order of time: the file's own timer is due before this one.
            await asyncio.sleep(INTERVAL)
        return (folder / "status.json").read_bytes()

    return msgspec.json.decode(asyncio.run(listen()), type=Status)


def test_the_last_state_is_written_however_fast_events_come(tmp_path: Path) -> None:
    *before_end, _, _ = handed_over()
    status = states(before_end, tmp_path)
    assert [(worker.name, worker.doing) for worker in status.workers] == [
        ("tts", "idle"),
        ("lipsync", "idle"),
    ]
    assert [(owner.worker, owner.epoch, owner.bytes) for owner in status.devices[0].owners] == [
        ("lipsync", 1, 8 * GB)
    ]
    assert status.devices[0].waiting == []
    assert states(handed_over(), tmp_path).workers == []


def test_who_waits_is_listed_until_its_task_begins(tmp_path: Path) -> None:
    wait: list[Event] = [
        Waiting(at=0.0, job="a", worker="tts", device="GPU-1", needs=GB),
        Waiting(at=0.0, job="b", worker="tts", device="GPU-1", needs=GB),
    ]
    assert [each.job for each in states(wait, tmp_path).devices[0].waiting] == ["a", "b"]
    assert [
        each.job for each in states([*wait, began(1.0, "tts", job="a")], tmp_path).devices[0].waiting
    ] == ["b"]


def test_who_gave_up_waiting_is_not_listed(tmp_path: Path) -> None:
    gave_up: list[Event] = [
        Waiting(at=0.0, job="a", worker="tts", device="GPU-1", needs=GB),
        Withdrawn(at=0.1, job="a", worker="tts", device="GPU-1"),
    ]
    assert states(gave_up, tmp_path).devices[0].waiting == []


def test_a_replaced_worker_is_listed_once_with_its_new_process(tmp_path: Path) -> None:
    events: list[Event] = [
        Started(at=0.0, worker="tts", pid=1, device="GPU-1"),
        Started(at=1.0, worker="tts", pid=2, device="GPU-1"),
        Ended(at=2.0, worker="tts", pid=1, why="It died."),
    ]
    assert [worker.pid for worker in states(events, tmp_path).workers] == [2]


def test_it_is_not_written_for_every_event(tmp_path: Path) -> None:
    async def listen() -> set[bytes]:
        seen = set()
        with StatusFile(tmp_path, "run", []) as file:
            for pid in range(1000):
                file(Started(at=0.0, worker="tts", pid=pid, device="GPU-1"))
                seen.add((tmp_path / "status.json").read_bytes())
        return seen

    # Once at the beginning, and once more where the first event comes late; then a timer is set.
    assert len(asyncio.run(listen())) <= 2


def test_a_folder_that_is_gone_is_said_once_and_nothing_fails(tmp_path: Path) -> None:
    warnings: list[str] = []

    async def listen() -> None:
        with StatusFile(tmp_path / "gone", "run", [], warn=warnings.append) as file:
            for event in handed_over():
                file(event)

    asyncio.run(listen())
    assert len(warnings) == 1
    assert "The run goes on" in warnings[0]


def test_a_lock_is_asked_for_without_being_taken(tmp_path: Path) -> None:
    with locks.LockedFolder(tmp_path / "f") as folder:
        assert locks.is_held(folder.folder / locks.LOCK_NAME)
    (tmp_path / "free").touch()
    assert not locks.is_held(tmp_path / "free")
    with pytest.raises(FileNotFoundError):
        locks.is_held(tmp_path / "none")
