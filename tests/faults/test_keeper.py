"""What may come between a lease's decision and its being carried out, each between real workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable

import pytest

from orchestrator.gpu import keeper
from orchestrator.gpu.events import Event, Freed, Granted, Waiting
from orchestrator.gpu.host import HostMeter
from orchestrator.gpu.profiles import Mode
from orchestrator.job import Job
from orchestrator.worker import Worker
from shared_schema.errors import DeviceFailed, DeviceStuck, EngineFailed
from shared_schema.messages import Hello, Progress
from tests.support.bed import Ear
from tests.support.blocks import Blocks, blocks, host_device

LOST = DeviceFailed("The device is lost.")


class FailingMeter(HostMeter):
    """Raises when it is asked in the way that `failing` names, the first time after `spared` times."""

    failing = ""
    spared = 0

    def held(self, pid: int) -> int:
        self._perhaps_fail("held")
        return super().held(pid)

    def granted(self, pid: int) -> None:
        self._perhaps_fail("granted")

    def claims(self, pid: int, held: int) -> None:
        self._perhaps_fail("claims")

    def _perhaps_fail(self, way: str) -> None:
        if self.failing != way:
            return
        if self.spared == 0:
            self.failing = ""
            raise LOST
        self.spared -= 1


def play(
    job: Job, script: Callable[[Blocks], Awaitable[None]], meter: HostMeter | None = None, room: int = 1
) -> Blocks:
    mode = Mode.EXCLUSIVE if room == 1 else Mode.BUDGET

    async def scenario() -> Blocks:
        async with blocks(job, host_device(room), mode=mode, meter=meter) as made:
            await script(made)
            return made

    return asyncio.run(scenario())


async def start(made: Blocks, behaviour: str) -> asyncio.Task[None]:
    """A task of the speech worker that is under way."""
    under_way = asyncio.Event()

    def heard(progress: Progress) -> None:
        if progress.phase == "holding":
            under_way.set()

    async def run() -> None:
        async with made.arbiter.hold("tts", made.info()) as holding:
            await holding.worker.run(made.task(behaviour), Ear(on_progress=heard))

    task = asyncio.create_task(run())
    await under_way.wait()
    return task


def test_who_waits_behind_a_task_that_took_its_worker_along_is_done_by_the_next(job: Job) -> None:
    async def script(made: Blocks) -> None:
        deaf = await start(made, "deaf")
        waiting = asyncio.create_task(made.use("tts", name="t2"))
        deaf.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deaf
        await waiting  # raises nothing: it never was on the worker that was ended

    play(job, script)


def test_what_nobody_foresaw_is_told_to_whose_turn_it_was(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(made: Blocks) -> None:
        async def fail(_name: str) -> tuple[Worker, Hello]:
            raise KeyError("odd")

        with monkeypatch.context() as patch:
            patch.setattr(made.supervisor, "worker", fail)
            with pytest.raises(EngineFailed, match="odd"):
                await asyncio.wait_for(made.use("tts"), 20)
        await made.use("vision")
        await made.use("tts")

    play(job, script)


def test_a_device_that_cannot_be_measured_at_a_grant_is_not_lost_for_ever(job: Job) -> None:
    meter = FailingMeter()

    async def script(made: Blocks) -> None:
        await made.use("vision")
        meter.failing = "granted"
        with pytest.raises(DeviceFailed, match="lost"):
            await made.use("tts")
        await made.use("vision")
        await made.use("tts")

    play(job, script, meter)


@pytest.mark.parametrize("spared", [0, 1, 2])
def test_a_device_that_cannot_be_measured_for_once_is_waited_for(job: Job, spared: int) -> None:
    meter = FailingMeter()
    meter.spared = spared
    pids = set()

    async def script(made: Blocks) -> None:
        pids.add((await made.use("tts")).outcome.voice)  # type: ignore[union-attr]
        meter.failing = "held"
        await made.use("vision")
        assert meter.failing == "", "it was asked, and failed"
        pids.add((await made.use("tts")).outcome.voice)  # type: ignore[union-attr]

    play(job, script, meter)
    assert len(pids) == 1


def test_one_that_cannot_be_measured_any_more_is_told_to_who_waits_and_costs_nobody_its_process(
    job: Job,
) -> None:
    class LostMeter(HostMeter):
        lost = False

        def free(self) -> int:
            if self.lost:
                raise LOST
            return super().free()

    meter = LostMeter()
    pids = set()

    async def scenario() -> None:
        async with blocks(job, host_device(1), meter=meter, measuring_s=0.1) as made:
            pids.add((await made.use("tts")).outcome.voice)  # type: ignore[union-attr]
            meter.lost = True
            with pytest.raises(DeviceStuck, match="host memory cannot be measured: The device is lost"):
                await made.use("vision")
            meter.lost = False
            await made.use("vision")
            pids.add((await made.use("tts")).outcome.voice)  # type: ignore[union-attr]

    asyncio.run(scenario())
    assert len(pids) == 1


def test_whoever_listens_and_fails_does_not_block_the_device(job: Job) -> None:
    broken: list[Event] = []

    def listen(event: Event) -> None:
        if isinstance(event, Waiting) and event.worker == "vision" and not broken:
            broken.append(event)
            raise KeyError("a display")

    async def scenario() -> None:
        async with blocks(job, host_device(1), listener=listen) as made:
            with pytest.raises(KeyError, match="a display"):
                await made.use("vision")
            await made.use("tts")

    asyncio.run(scenario())
    assert broken


def test_a_task_that_is_done_stays_done_where_its_peak_cannot_be_noted(job: Job) -> None:
    meter = FailingMeter()
    meter.failing = "claims"

    async def script(made: Blocks) -> None:
        await made.use("tts")

    play(job, script, meter)


def test_one_that_was_ended_counts_as_ended_also_where_its_memory_is_free_before_it_is_reaped(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "FLUX_INTERVAL", 0.0)

    class LateMeter(HostMeter):
        """Looks only when the process, once it was given up, is a zombie, and nobody here knows yet."""

        def held(self, pid: int) -> int:
            if any(worker.failure and worker.process.pid == pid for worker in workers):
                with contextlib.suppress(ChildProcessError):  # it was reaped meanwhile
                    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            return super().held(pid)

    workers: list[Worker] = []

    async def script(made: Blocks) -> None:
        async with made.arbiter.hold("tts", made.info()) as holding:
            workers.append(holding.worker)
            await holding.worker.run(made.task("mute"), Ear())
        await made.use("vision")
        await made.use("tts")

    made = play(job, script, LateMeter())
    assert [event.mode for event in made.events if isinstance(event, Freed)] == ["ended", "unload"]
    assert [event.worker for event in made.events if isinstance(event, Granted)] == ["tts", "vision", "tts"]


def test_the_end_of_one_that_owned_nothing_is_no_hand_over(job: Job) -> None:
    async def script(made: Blocks) -> None:
        await made.use("vision")
        await made.use("tts")
        idle, _ = await made.supervisor.worker("vision")
        os.kill(idle.process.pid, 9)
        await idle.gone()
        await made.use("lipsync")

    made = play(job, script)
    assert [(event.source, event.target) for event in made.hand_overs] == [
        ("vision", "tts"),
        ("tts", "lipsync"),
    ]
