"""However the orchestrator ends, its workers end with it, and the next one finds a clean house."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.job import Job
from orchestrator.rundir import RunDirectory
from shared_schema import paths
from tests.support.processes import alive, ends_within

ROOT = Path(__file__).parents[2]
Started = tuple[subprocess.Popen[str], int, Path]


@pytest.fixture
def started(request: pytest.FixtureRequest, home: Path) -> Iterator[Started]:
    """An orchestrator whose worker is at the behaviour that the test names; its pid, the job's folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.tiny_orchestrator", request.param],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split(maxsplit=1)
        yield process, int(pid), Path(folder.strip())
        process.kill()


@pytest.mark.parametrize("started", ["idle", "wait", "sleep", "hang"], indirect=True)
def test_a_killed_orchestrator_leaves_no_worker(started: Started) -> None:
    process, pid, _ = started
    assert alive(pid)
    process.kill()
    assert ends_within(pid, 10)


@pytest.mark.parametrize("started", ["wait"], indirect=True)
def test_what_a_killed_orchestrator_left_is_swept_out_by_the_next(started: Started) -> None:
    process, pid, folder = started
    process.kill()
    process.wait()
    assert ends_within(pid, 10)
    assert folder.is_dir()
    assert len(list(paths.runtime_dir().iterdir())) == 1
    with Job() as job, RunDirectory.create() as directory:
        assert not folder.exists()
        assert list(paths.jobs_dir().iterdir()) == [job.folder]
        assert list(paths.runtime_dir().iterdir()) == [directory.folder]


@pytest.mark.parametrize("started", ["wait", "idle"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT])
def test_an_interrupted_orchestrator_leaves_nothing(started: Started, number: int) -> None:
    process, pid, folder = started
    process.send_signal(number)
    assert process.wait(30) != 0
    assert not alive(pid)
    assert not folder.exists()
    assert list(paths.runtime_dir().iterdir()) == []


@pytest.mark.parametrize("started", ["child"], indirect=True)
def test_what_a_worker_has_started_ends_with_it(started: Started) -> None:
    process, pid, folder = started
    child = int((folder / "child.pid").read_text())
    assert alive(child)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert ends_within(child, 10)
    assert not alive(pid)


def test_a_worker_whose_parent_is_gone_already_does_not_start() -> None:
    reader, writer = os.pipe()
    try:
        status = subprocess.run(
            [sys.executable, "-c", f"from shared_schema import lifeline; lifeline.arm({reader}, 1 << 22)"],
            cwd=ROOT,
            pass_fds=(reader,),
            check=False,
        ).returncode
    finally:
        os.close(reader)
        os.close(writer)
    assert status == 125
