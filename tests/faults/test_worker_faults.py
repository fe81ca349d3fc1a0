"""What a worker may do wrong, by name, and what the orchestrator then says and does."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from orchestrator.worker import Worker
from shared_schema import SCHEMA_VERSION
from shared_schema.errors import (
    AvatarError,
    EngineFailed,
    HandshakeRefused,
    OutOfMemory,
    OutputError,
    ProtocolError,
    TextError,
    WorkerCrashed,
    WorkerHung,
)
from shared_schema.messages import Progress, Result
from tests.support.bed import Bed, Ear
from tests.support.processes import alive


async def run_one(bed: Bed, behaviour: str, mode: str = "", **deadlines: float) -> Result:
    async with bed.supervisor(mode, deadlines=deadlines) as supervisor:
        worker, _ = await supervisor.worker("tts")
        return await worker.run(bed.task(behaviour), Ear())


def failure_of(bed: Bed, behaviour: str, mode: str = "", **deadlines: float) -> AvatarError:
    with pytest.raises(AvatarError) as caught:
        asyncio.run(run_one(bed, behaviour, mode, **deadlines))
    return caught.value


def test_a_well_behaved_worker_reports_chunks_and_answers(bed: Bed) -> None:
    ear = Ear()

    async def scenario() -> Result:
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")
            assert [engine.name for engine in hello.engines] == ["fake"]
            return await worker.run(bed.task("echo"), ear)

    result = asyncio.run(scenario())
    assert bed.job.path(bed.job.accept(result)["speech"]).read_bytes() == b"sound0"
    assert [report.phase for report in ear.reports][:2] == ["loading", "speaking"]
    assert ear.reports[-1].done == ear.reports[-1].total == 2
    assert ear.chunks == [b"so"]


def test_a_crash_is_told_with_signal_phase_and_the_log_s_last_words(bed: Bed) -> None:
    error = failure_of(bed, "crash")
    assert isinstance(error, WorkerCrashed)
    assert "tts worker was killed by SIGSEGV while speaking" in error.message
    assert "about to crash" in error.traceback
    assert "Segmentation fault" in error.traceback
    assert Path(error.hint.removeprefix("Its log is ").rstrip(".")).is_file()


def test_an_exit_is_told_with_its_status(bed: Bed) -> None:
    assert "exited with status 3 while speaking" in failure_of(bed, "exit").message


def test_a_kill_by_nobody_here_points_to_the_memory(bed: Bed) -> None:
    error = failure_of(bed, "killed")
    assert "SIGKILL" in error.message
    assert "memory" in error.hint


@pytest.mark.parametrize("how", ["hang", "sleep", "stop"])
def test_a_worker_that_makes_no_progress_is_ended(bed: Bed, how: str) -> None:
    error = failure_of(bed, how, running=2.0)
    assert isinstance(error, WorkerHung)
    assert "made no progress for 2 s while speaking" in error.message


def test_one_that_hangs_before_its_first_report_is_ended_too(bed: Bed) -> None:
    async def scenario() -> None:
        async with bed.supervisor(deadlines={"running": 2.0}) as supervisor:
            worker, _ = await supervisor.worker("tts")
            await worker.run(bed.task("echo"), Ear())  # its engine is loaded now
            await worker.run(bed.task("mute", "t2"), Ear())

    with pytest.raises(WorkerHung, match="starting fake"):
        asyncio.run(scenario())


@pytest.mark.parametrize(("mode", "behaviour"), [("slow", ""), ("", "slow")])
def test_what_was_slow_to_start_or_to_answer_is_not_taken_for_hung(
    bed: Bed, mode: str, behaviour: str
) -> None:
    async def scenario() -> Result:
        async with bed.supervisor(mode, deadlines={"idle": 2.0}) as supervisor:
            worker, _ = await supervisor.worker("tts")
            if behaviour:
                await worker.run(bed.task(behaviour), Ear())
            with pytest.raises(TimeoutError):  # a few pings while idle
                await asyncio.wait_for(worker.ended(), 0.5)
            again, _ = await supervisor.worker("tts")
            assert again is worker
            return await again.run(bed.task("echo", "t2"), Ear())

    assert asyncio.run(scenario()).task_id == "t2"


def test_the_stack_of_a_hung_worker_is_in_its_log(bed: Bed) -> None:
    error = failure_of(bed, "sleep", running=2.0)
    assert "_sleep" in error.traceback


def test_a_worker_that_dies_while_starting_is_told_with_its_last_words(bed: Bed) -> None:
    error = failure_of(bed, "echo", "dead")
    assert "exited with status 1 while starting" in error.message
    assert "cannot import name 'isin'" in error.traceback


def test_a_worker_that_never_says_hello_is_given_up(bed: Bed) -> None:
    error = failure_of(bed, "echo", "silent", starting=1.0)
    assert isinstance(error, WorkerHung)
    assert "while starting" in error.message


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("schema", f"speaks schema {SCHEMA_VERSION + 98}, the orchestrator {SCHEMA_VERSION}"),
        ("stranger", "A stranger"),
        ("name", "holds the vision worker"),
    ],
)
def test_a_wrong_handshake_is_refused_with_the_reason(bed: Bed, mode: str, reason: str) -> None:
    error = failure_of(bed, "echo", mode)
    assert isinstance(error, HandshakeRefused)
    assert reason in error.message
    assert "avatar envs sync tts" in error.hint


def test_a_worker_of_another_environment_s_interpreter_is_refused(bed: Bed) -> None:
    async def scenario() -> None:
        async with bed.supervisor("python", python="3.11") as supervisor:
            await supervisor.worker("tts")

    with pytest.raises(HandshakeRefused, match=r"runs on Python 3\.9\.2; it must be 3\.11"):
        asyncio.run(scenario())


def test_a_worker_of_another_lock_is_refused(bed: Bed) -> None:
    async def scenario() -> None:
        async with bed.supervisor("lock", lock="e" * 64) as supervisor:
            await supervisor.worker("tts")

    with pytest.raises(HandshakeRefused, match="another lock"):
        asyncio.run(scenario())


def test_garbage_on_the_socket_ends_the_worker(bed: Bed) -> None:
    error = failure_of(bed, "echo", "garbage")
    assert isinstance(error, ProtocolError)
    assert "tts worker sent nonsense" in error.message


def test_answers_to_other_attempts_are_dropped_and_a_changed_file_is_noticed(bed: Bed) -> None:
    result = asyncio.run(run_one(bed, "echo", "liar"))
    assert (result.task_id, result.attempt) == ("t1", 1)
    with pytest.raises(ProtocolError, match="not the one that its worker reported"):
        bed.job.accept(result)


@pytest.mark.parametrize(
    ("behaviour", "kind", "says"),
    [
        ("refuse", TextError, "The text is odd."),
        ("bug", EngineFailed, "unforeseen ValueError: nobody foresaw this"),
        ("full", OutputError, "disk is full"),
        ("memory", OutOfMemory, "host ran out of memory"),
    ],
)
def test_after_an_engine_s_error_the_same_process_goes_on(
    bed: Bed, behaviour: str, kind: type[AvatarError], says: str
) -> None:
    async def scenario() -> tuple[AvatarError, Result, int]:
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")
            with pytest.raises(AvatarError) as caught:
                await worker.run(bed.task(behaviour), Ear())
            return caught.value, await worker.run(bed.task("echo", "t2"), Ear()), hello.pid

    error, result, pid = asyncio.run(scenario())
    assert type(error) is kind
    assert says in error.message
    assert "Traceback" in error.traceback
    assert result.outcome.voice == str(pid)  # type: ignore[union-attr]


def test_after_a_crash_the_next_need_starts_a_new_process(bed: Bed) -> None:
    async def scenario() -> tuple[Result, int]:
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")
            with pytest.raises(WorkerCrashed):
                await worker.run(bed.task("crash"), Ear())
            again, _ = await supervisor.worker("tts")
            return await again.run(bed.task("echo", "t2"), Ear()), hello.pid

    result, first_pid = asyncio.run(scenario())
    assert result.outcome.voice != str(first_pid)  # type: ignore[union-attr]


def test_a_worker_killed_while_idle_is_replaced(bed: Bed) -> None:
    async def scenario() -> Result:
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")
            os.kill(hello.pid, signal.SIGKILL)
            with pytest.raises(WorkerCrashed, match="while idle"):
                await worker.ended()
            again, _ = await supervisor.worker("tts")
            return await again.run(bed.task("echo"), Ear())

    assert asyncio.run(scenario()).task_id == "t1"


async def cancel_in_the_middle(bed: Bed, worker: Worker, behaviour: str) -> None:
    under_way = asyncio.Event()

    def note(progress: Progress) -> None:
        if progress.phase == "speaking" and progress.done == 1:
            under_way.set()

    running = asyncio.create_task(worker.run(bed.task(behaviour), Ear(on_progress=note)))
    await under_way.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_a_cancelled_task_leaves_no_half_file_and_the_worker_lives(bed: Bed) -> None:
    async def scenario() -> tuple[bool, Result, int]:
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")
            await cancel_in_the_middle(bed, worker, "wait")
            half = (bed.job.folder / "speech.wav").exists()
            return half, await worker.run(bed.task("echo", "t2"), Ear()), hello.pid

    half, result, pid = asyncio.run(scenario())
    assert not half
    assert result.outcome.voice == str(pid)  # type: ignore[union-attr]


def test_a_worker_that_does_not_hear_a_cancellation_is_ended(bed: Bed) -> None:
    async def scenario() -> int:
        async with bed.supervisor(deadlines={"stopping": 0.5}) as supervisor:
            worker, hello = await supervisor.worker("tts")
            await cancel_in_the_middle(bed, worker, "deaf")
            assert isinstance(worker.failure, WorkerHung)
            return hello.pid

    assert not alive(asyncio.run(scenario()))


def test_a_folder_for_logs_that_cannot_be_is_told(bed: Bed, home: Path) -> None:
    (home / "state/logs").touch()
    error = failure_of(bed, "echo")
    assert isinstance(error, OutputError)
    assert "folder for logs" in error.message


def test_only_the_newest_logs_are_kept(bed: Bed, home: Path) -> None:
    logs = home / "state/logs"
    logs.mkdir()
    for number in range(30):
        (logs / f"tts-20200101-{number:06d}.log").touch()
    (logs / "vision-20200101-000000.log").touch()
    asyncio.run(run_one(bed, "echo"))
    kept = sorted(path.name for path in logs.glob("tts-*"))
    assert len(kept) == 20
    assert kept[0] == "tts-20200101-000011.log"
    assert (logs / "vision-20200101-000000.log").exists()


def test_workers_start_side_by_side_and_one_start_serves_all_who_ask(bed: Bed) -> None:
    async def scenario() -> set[int]:
        async with bed.supervisor() as supervisor:
            answers = await asyncio.gather(*(supervisor.worker("tts") for _ in range(5)))
            return {hello.pid for _, hello in answers}

    assert len(asyncio.run(scenario())) == 1
