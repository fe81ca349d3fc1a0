"""How processes are ended: orderly where they listen, by force where not, with all that they have started."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from orchestrator.gpu.events import Ended, Event, Started
from shared_schema.errors import WorkerCrashed
from shared_schema.messages import Progress, ReleaseMode, Task
from tests.support.bed import Bed, Ear
from tests.support.processes import alive, ends_within


class Running:
    """A task that is under way on a worker: its second report of progress has come."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self.under_way = asyncio.Event()

    def task(self, behaviour: str) -> Task:
        return self._bed.task(behaviour)

    def ear(self) -> Ear:
        return Ear(on_progress=self._note)

    def _note(self, progress: Progress) -> None:
        if progress.phase == "speaking" and progress.done == 1:
            self.under_way.set()


def test_sigterm_ends_a_worker_orderly_without_its_half_files_and_is_told(bed: Bed) -> None:
    async def scenario() -> str:
        async with bed.supervisor(deadlines={"stopping": 30}) as supervisor:
            worker, hello = await supervisor.worker("tts")
            running = Running(bed)
            task = asyncio.create_task(worker.run(running.task("wait"), running.ear()))
            await running.under_way.wait()
            assert (bed.job.folder / "speech.wav").exists()
            os.kill(hello.pid, signal.SIGTERM)
            with pytest.raises(WorkerCrashed, match="was ended by SIGTERM while speaking"):
                await task
            assert worker.process.log is not None
            return worker.process.log.read_text()

    assert "Ended by SIGTERM." in asyncio.run(scenario())
    assert not (bed.job.folder / "speech.wav").exists()


def test_sigterm_ends_an_idle_worker_at_once(bed: Bed) -> None:
    async def scenario() -> None:
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")
            os.kill(hello.pid, signal.SIGTERM)
            with pytest.raises(WorkerCrashed, match="was ended by SIGTERM while idle"):
                await worker.ended()

    asyncio.run(scenario())


def test_one_that_ignores_everything_is_killed_with_what_it_has_started(bed: Bed) -> None:
    async def scenario() -> tuple[int, int, float]:
        async with bed.supervisor(deadlines={"stopping": 1.0}) as supervisor:
            worker, hello = await supervisor.worker("tts")
            running = Running(bed)
            task = asyncio.create_task(worker.run(running.task("stubborn"), running.ear()))
            await running.under_way.wait()
            child = int((bed.job.folder / "child.pid").read_text())
            assert alive(child)
            began = time.monotonic()
            await worker.stop()
            took = time.monotonic() - began
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return hello.pid, child, took

    pid, child, took = asyncio.run(scenario())
    assert not alive(pid)
    assert ends_within(child, 10)
    assert took >= 2.0  # it had its time to end by itself, and after SIGTERM


def test_a_stopped_worker_is_woken_to_end(bed: Bed) -> None:
    async def scenario() -> tuple[int, str]:
        async with bed.supervisor(deadlines={"stopping": 20.0}) as supervisor:
            worker, hello = await supervisor.worker("tts")
            os.kill(hello.pid, signal.SIGSTOP)
            await worker.process.stop(1.5)
            assert worker.process.log is not None
            return hello.pid, worker.process.log.read_text()

    pid, log = asyncio.run(scenario())
    assert not alive(pid)
    assert "Ended by SIGTERM." in log


def test_what_a_crashed_worker_has_started_ends_with_it(bed: Bed) -> None:
    async def scenario() -> int:
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")
            running = Running(bed)
            task = asyncio.create_task(worker.run(running.task("child"), running.ear()))
            await running.under_way.wait()
            os.kill(hello.pid, signal.SIGKILL)
            with pytest.raises(WorkerCrashed):
                await task
            child = int((bed.job.folder / "child.pid").read_text())
            assert ends_within(child, 10)
            return child

    assert not alive(asyncio.run(scenario()))


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        ("exit", ""),
        ("stop", ""),
        ("kill", "killed by SIGKILL while idle"),
        ("crash", "killed by SIGSEGV while speaking"),
    ],
)
def test_each_end_is_told_once_after_the_process_is_gone(bed: Bed, cause: str, why: str) -> None:
    events: list[Event] = []
    gone: list[tuple[str, int, bool]] = []

    async def scenario() -> int:
        async with bed.supervisor(on_event=events.append) as supervisor:
            supervisor.subscribe(lambda name, pid: gone.append((name, pid, Path(f"/proc/{pid}").exists())))
            worker, hello = await supervisor.worker("tts")
            if cause == "exit":
                await worker.release(1, ReleaseMode.EXIT)
            elif cause == "kill":
                os.kill(hello.pid, signal.SIGKILL)
                await worker.gone()
            elif cause == "crash":
                with pytest.raises(WorkerCrashed):
                    await worker.run(bed.task("crash"), Ear())
            return hello.pid

    pid = asyncio.run(scenario())
    assert gone == [("tts", pid, False)]
    started, ended = events
    assert isinstance(started, Started)
    assert isinstance(ended, Ended)
    assert (started.worker, started.pid, started.device) == ("tts", pid, "cpu")
    assert (ended.worker, ended.pid) == ("tts", pid)
    assert why in ended.why
    assert bool(why) == bool(ended.why)
    assert 0 < started.at < ended.at
