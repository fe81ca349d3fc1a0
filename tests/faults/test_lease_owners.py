"""Who may own a device when orchestrators, drivers and owners fail."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.gpu.claim import Claim
from orchestrator.gpu.events import Ended, Freed, Granted, Started
from orchestrator.gpu.host import HostMeter
from orchestrator.gpu.profiles import Mode
from orchestrator.job import Job
from shared_schema.errors import WorkerCrashed
from tests.support.blocks import Blocks, blocks, host_device
from tests.support.processes import alive, ends_within

ROOT = Path(__file__).parents[2]


def test_an_orchestrator_that_is_killed_leaves_its_device_free(home: Path) -> None:
    command = [sys.executable, "-m", "tests.support.owning_orchestrator"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as orchestrator:
        assert orchestrator.stdout is not None
        owner = int(orchestrator.stdout.readline())
        claim = Claim(host_device(1))
        try:
            assert str(orchestrator.pid) in claim.take(alone=True)
            orchestrator.kill()
            assert ends_within(owner, 10)
            orchestrator.wait()
            assert claim.take(alone=True) == ""
        finally:
            orchestrator.kill()
            claim.close()


def test_of_two_orchestrators_the_second_waits_until_the_first_has_ended(job: Job) -> None:
    order = []

    async def use_second(second: Blocks) -> None:
        await second.use("vision")
        order.append("second")

    async def scenario() -> None:
        async with blocks(job, host_device(1)) as second:
            async with blocks(job, host_device(1)) as first:
                await first.use("tts")
                waiting = asyncio.create_task(use_second(second))
                for worker in ("vision", "lipsync", "tts"):
                    await first.use(worker)
                order.append("first")
            await waiting

    asyncio.run(scenario())
    assert order == ["first", "second"]


class Blind(HostMeter):
    """A meter that cannot tell processes apart, as shows when the first of them says what it holds."""

    blind = False

    @property
    def sees_processes(self) -> bool | None:
        return not self.blind

    def claims(self, pid: int, held: int) -> None:
        self.blind = True


def test_a_meter_that_turns_out_blind_makes_the_device_one_worker_s_at_a_time(job: Job) -> None:
    async def scenario() -> Blocks:
        async with blocks(job, host_device(3), mode=Mode.BUDGET, meter=Blind()) as made:
            await asyncio.gather(made.use("tts"), made.use("vision"))
            assert made.hand_overs == []
            await made.use("lipsync")
            await made.use("tts")
            return made

    made = asyncio.run(scenario())
    owners: set[str] = set()
    several = []
    for event in made.events:
        if isinstance(event, Granted):
            owners.add(event.worker)
            several.append(len(owners))
        elif isinstance(event, Freed):
            owners.discard(event.worker)
    assert several == [1, 2, 1, 1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_idle_owner_that_is_killed_or_stopped_gives_way_to_the_next(
    job: Job, number: signal.Signals
) -> None:
    async def scenario() -> Blocks:
        async with blocks(job, host_device(1)) as made:
            owner, _ = await made.supervisor.worker("tts")
            await made.use("tts")
            os.kill(owner.process.pid, number)
            await made.use("vision")
            assert not alive(owner.process.pid)
            await made.use("tts")
            return made

    made = asyncio.run(scenario())
    assert [event.mode for event in made.events if isinstance(event, Freed)] == ["ended", "unload"]


def test_two_workers_that_die_at_once_are_replaced_and_owned_nothing_meanwhile(job: Job) -> None:
    async def scenario() -> Blocks:
        async with blocks(job, host_device(1)) as made:
            await made.use("vision")
            await made.use("tts")
            for name in ("tts", "vision"):
                worker, _ = await made.supervisor.worker(name)
                os.kill(worker.process.pid, signal.SIGKILL)
            await made.use("lipsync")
            await asyncio.gather(made.use("tts"), made.use("vision"))
            return made

    made = asyncio.run(scenario())
    assert len([event for event in made.events if isinstance(event, Ended) and "SIGKILL" in event.why]) == 2
    assert len([event for event in made.events if isinstance(event, Started)]) == 5


def test_a_worker_that_is_killed_while_it_starts_for_its_turn_owns_nothing(job: Job) -> None:
    async def scenario() -> Blocks:
        async with blocks(job, host_device(1)) as made:
            await made.use("vision")
            using = asyncio.create_task(made.use("tts"))
            await started(made, "tts")
            os.kill(made.supervisor._latest["tts"].process.pid, signal.SIGKILL)
            with pytest.raises(WorkerCrashed, match="while starting"):
                await using
            await made.use("vision")
            await made.use("tts")
            return made

    made = asyncio.run(scenario())
    assert [event.worker for event in made.events if isinstance(event, Granted)] == ["vision"] * 2 + ["tts"]


async def started(made: Blocks, name: str) -> None:
    """Back when a worker's process runs, long before it can say Hello."""
    runs = asyncio.Event()

    def look() -> None:
        latest = made.supervisor._latest.get(name)
        if latest is not None and latest.process.running:
            runs.set()
        else:
            asyncio.get_running_loop().call_soon(look)

    look()
    await runs.wait()
