"""What may go wrong with a device between real workers that really allocate, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from orchestrator.gpu.events import Ended, Freed, Granted, Withdrawn
from orchestrator.gpu.profiles import Mode, Way
from orchestrator.job import Job
from shared_schema.errors import DeviceTooSmall, WorkerCrashed, WorkerHung
from tests.support.block_worker import CONTEXT, SIZE
from tests.support.blocks import Blocks, blocks, host_device


def play(
    job: Job, script: Callable[[Blocks], Awaitable[None]], *, room: int = 1, mode: Mode = Mode.EXCLUSIVE,
    way: Way = Way.UNLOAD,
) -> Blocks:  # fmt: skip
    """Run a script on a device with room for so many blocks."""

    async def scenario() -> Blocks:
        async with blocks(job, host_device(room), mode=mode, way=way) as made:
            await script(made)
            return made

    return asyncio.run(scenario())


def test_the_device_goes_from_worker_to_worker_when_it_was_seen_free(job: Job) -> None:
    async def script(made: Blocks) -> None:
        for worker in ("tts", "vision", "lipsync", "tts"):
            await made.use(worker)

    made = play(job, script)
    assert [(event.source, event.target) for event in made.hand_overs] == [
        ("tts", "vision"),
        ("vision", "lipsync"),
        ("lipsync", "tts"),
    ]
    assert all(event.bytes > SIZE * 0.9 for event in made.hand_overs)
    freed = [event for event in made.events if isinstance(event, Freed)]
    assert all(event.after <= CONTEXT < event.before for event in freed)
    assert [event.epoch for event in made.events if isinstance(event, Granted)] == [1, 2, 3, 4]


def test_one_owner_serves_all_who_wait_before_it_is_asked(job: Job) -> None:
    async def script(made: Blocks) -> None:
        await made.use("vision")
        await asyncio.gather(
            *(made.use(worker, name=f"{worker}{n}") for n in range(5) for worker in ("tts", "vision"))
        )

    assert len(play(job, script).hand_overs) == 1


def test_within_a_budget_two_own_it_at_once_and_a_third_waits(job: Job) -> None:
    async def script(made: Blocks) -> None:
        await asyncio.gather(made.use("tts"), made.use("vision"))
        assert made.hand_overs == []
        await made.use("lipsync")

    made = play(job, script, room=2, mode=Mode.BUDGET)
    assert len(made.hand_overs) == 1


def test_a_worker_that_lies_about_having_let_go_is_ended_and_replaced(job: Job) -> None:
    async def script(made: Blocks) -> None:
        liar = await made.use("tts", "lie")
        await made.use("vision")
        again = await made.use("tts")
        assert again.outcome.voice != liar.outcome.voice  # type: ignore[union-attr]

    made = play(job, script)
    (ended,) = [event for event in made.events if isinstance(event, Ended) and event.why]
    assert "said that it had let go of the device" in ended.why
    assert "still held more than" in ended.why


@pytest.mark.parametrize("behaviour", ["mute", "die"])
def test_a_worker_that_does_not_let_go_or_dies_of_it_gives_way_to_the_next(job: Job, behaviour: str) -> None:
    async def script(made: Blocks) -> None:
        await made.use("tts", behaviour)
        await made.use("vision")
        await made.use("tts")

    made = play(job, script)
    assert [event.mode for event in made.events if isinstance(event, Freed)] == ["ended", "unload"]


@pytest.mark.parametrize(("behaviour", "error"), [("kill", WorkerCrashed), ("stop", WorkerHung)])
def test_an_owner_that_is_killed_or_stopped_loses_the_device(
    job: Job, behaviour: str, error: type[Exception]
) -> None:
    async def script(made: Blocks) -> None:
        dying = asyncio.create_task(made.use("tts", behaviour))
        waiting = asyncio.create_task(made.use("vision"))
        with pytest.raises(error):
            await dying
        await waiting
        await made.use("tts")

    play(job, script)


def test_exit_as_the_way_to_let_go_starts_a_new_process_each_time(job: Job) -> None:
    pids = []

    async def script(made: Blocks) -> None:
        for worker in ("tts", "vision", "tts"):
            result = await made.use(worker)
            pids.append(result.outcome.voice)  # type: ignore[union-attr]

    made = play(job, script, way=Way.EXIT)
    assert len(set(pids)) == 3
    assert [event.mode for event in made.events if isinstance(event, Freed)] == ["exit", "exit"]
    assert not [event for event in made.events if isinstance(event, Ended) and event.why]


def test_who_is_cancelled_while_waiting_leaves_the_turn_to_the_next(job: Job) -> None:
    async def script(made: Blocks) -> None:
        async with made.arbiter.hold("tts", made.info()):
            waiting = asyncio.create_task(made.use("vision"))
            following = asyncio.create_task(made.use("lipsync"))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await following

    made = play(job, script)
    assert [event.target for event in made.hand_overs] == ["lipsync"]
    assert [event.worker for event in made.events if isinstance(event, Withdrawn)] == ["vision"]


def test_a_need_that_never_fits_is_refused_at_once(job: Job) -> None:
    async def script(made: Blocks) -> None:
        with pytest.raises(DeviceTooSmall, match="block needs"):
            await made.use("tts")

    async def scenario() -> None:
        async with blocks(job, host_device(-3)) as made:
            await script(made)

    asyncio.run(scenario())
