"""Load, Grant and Release on a real worker: what they answer, and each way in which they may not."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

import pytest

from orchestrator.worker import Worker
from shared_schema.errors import EngineUnknown, OutOfMemory, WorkerCrashed, WorkerError, WorkerHung
from shared_schema.messages import Released, ReleaseMode
from tests.support.bed import Bed, Ear
from tests.support.processes import alive

OFFLOAD, UNLOAD, EXIT = ReleaseMode.OFFLOAD, ReleaseMode.UNLOAD, ReleaseMode.EXIT


def test_a_worker_loads_takes_a_grant_works_and_gives_it_back(bed: Bed) -> None:
    async def scenario() -> Released:
        async with bed.supervisor() as supervisor:
            worker, _ = await supervisor.worker("tts")
            assert (await worker.load("fake")).engine == "fake"
            await worker.grant(3, "cpu", 1_000_000_000)
            assert worker.epoch == 3
            ear = Ear()
            await worker.run(bed.task("echo"), ear)
            assert "loading" not in [report.phase for report in ear.reports]
            return await worker.release(3, OFFLOAD)

    released = asyncio.run(scenario())
    assert released.epoch == 3
    assert released.held_before > 1_000_000


def test_an_engine_that_cannot_be_loaded_says_why_and_the_worker_goes_on(bed: Bed) -> None:
    async def scenario() -> None:
        async with bed.supervisor(environment={"FAKE_LOAD": "memory"}) as supervisor:
            worker, _ = await supervisor.worker("tts")
            with pytest.raises(EngineUnknown, match="nobody"):
                await worker.load("nobody")
            with pytest.raises(OutOfMemory, match="host"):
                await worker.load("fake")
            assert worker.failure is None

    asyncio.run(scenario())


def test_a_request_waits_until_the_running_task_is_done(bed: Bed) -> None:
    done: list[str] = []

    async def scenario() -> None:
        async with bed.supervisor() as supervisor:
            worker, _ = await supervisor.worker("tts")
            started = asyncio.Event()

            async def run() -> None:
                await worker.run(bed.task("echo"), Ear(on_progress=lambda _progress: started.set()))
                done.append("task")

            task = asyncio.create_task(run())
            await started.wait()
            await worker.release(1, OFFLOAD)
            done.append("release")
            await task

    asyncio.run(scenario())
    assert done == ["task", "release"]


def test_one_that_is_released_to_exit_is_spent_without_an_error_and_followed_by_a_new_process(
    bed: Bed,
) -> None:
    async def scenario() -> None:
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")
            released = await worker.release(1, EXIT)
            assert released.epoch == 1
            assert released.held_before > 1_000_000
            assert not alive(hello.pid)
            assert worker.spent
            assert worker.failure is not None
            await worker.ended()  # raises nothing
            again, new = await supervisor.worker("tts")
            assert again is not worker
            assert new.pid != hello.pid
            await again.run(bed.task("echo"), Ear())

    asyncio.run(scenario())


def test_late_answers_and_those_of_an_older_epoch_are_dropped(
    bed: Bed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "orchestrator.worker")

    async def scenario() -> list[Released]:
        async with bed.supervisor("late") as supervisor:
            worker, _ = await supervisor.worker("tts")
            answers = [await worker.release(epoch, OFFLOAD) for epoch in (7, 8)]
            assert worker.failure is None
            return answers

    assert asyncio.run(scenario()) == [Released(7, 5, 2), Released(8, 5, 2)]
    late = [record.getMessage() for record in caplog.records if "late" in record.getMessage()]
    kinds = ["Loaded", "Failed", "Released"]
    assert late == [f"Dropped a late {kind} of the tts worker." for kind in kinds * 2]


async def fail_in(bed: Bed, phase: str, how: str, **deadlines: float) -> WorkerError:
    """The error of a worker that misbehaves in this phase; it is replaced, and nothing is left of it."""
    environment = {"loading": {"FAKE_LOAD": how}, "releasing": {"FAKE_OFFLOAD": how}}.get(phase, {})
    async with bed.supervisor(deadlines=deadlines, environment=environment) as supervisor:
        worker, hello = await supervisor.worker("tts")
        with pytest.raises((WorkerCrashed, WorkerHung)) as caught:
            await provoke(bed, worker, hello.pid, phase, how)
        assert worker.failure is caught.value
        again, new = await supervisor.worker("tts")
        assert again is not worker
        assert new.pid != hello.pid
        assert not alive(hello.pid)
        return caught.value


async def provoke(bed: Bed, worker: Worker, pid: int, phase: str, how: str) -> None:
    if phase == "idle":
        os.kill(pid, {"killed": signal.SIGKILL, "stop": signal.SIGSTOP}[how])
        await worker.ended()
    elif phase == "loading":
        await worker.load("fake")
    elif phase == "running":
        await worker.run(bed.task(how), Ear())
    elif phase == "writing":
        await worker.run(bed.task("half"), Ear())
    else:
        await worker.load("fake")
        await worker.release(1, OFFLOAD)


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ("idle", "idle"),
        ("loading", "loading fake"),
        ("running", "speaking"),
        ("writing", "speaking"),
        ("releasing", "releasing"),
    ],
)
def test_a_worker_killed_in_any_phase_is_told_with_it_and_replaced(bed: Bed, phase: str, told: str) -> None:
    error = asyncio.run(fail_in(bed, phase, "killed"))
    assert isinstance(error, WorkerCrashed)
    assert f"tts worker was killed by SIGKILL while {told}, not by us" in error.message


@pytest.mark.parametrize("how", ["stop", "sleep", "hang"])
@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ("loading", "made no progress for 2 s while loading fake"),
        ("running", "made no progress for 2 s while speaking"),
        ("releasing", "did not give the device back within 2 s"),
    ],
)
def test_a_worker_that_stands_still_in_any_phase_is_ended_and_replaced(
    bed: Bed, phase: str, told: str, how: str
) -> None:
    error = asyncio.run(fail_in(bed, phase, how, **{phase: 2.0}))
    assert isinstance(error, WorkerHung)
    assert told in error.message


def test_a_worker_stopped_while_idle_is_ended_and_replaced(bed: Bed) -> None:
    error = asyncio.run(fail_in(bed, "idle", "stop", idle=2.0))
    assert isinstance(error, WorkerHung)
    assert "made no progress for 2 s while idle" in error.message


def test_one_whose_release_was_given_up_by_the_caller_is_still_watched(bed: Bed) -> None:
    async def scenario() -> None:
        hanging = bed.supervisor(deadlines={"releasing": 2.0}, environment={"FAKE_OFFLOAD": "sleep"})
        async with hanging as supervisor:
            worker, _ = await supervisor.worker("tts")
            await worker.load("fake")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(worker.release(1, OFFLOAD), 0.5)
            with pytest.raises(WorkerHung, match="while releasing"):
                await worker.ended()

    asyncio.run(scenario())
