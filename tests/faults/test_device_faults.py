"""What a worker does when memory or the GPU fails it: which process goes on, and which is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from orchestrator.process import Launch, WorkerProcess
from orchestrator.worker import Worker
from shared_schema.errors import AvatarError, DeviceFailed, HandshakeRefused, OutOfMemory, WorkerCrashed
from tests.support.bed import HEARD, Bed, Ear
from tests.support.processes import alive


async def fail_and_go_on(bed: Bed, behaviour: str) -> tuple[AvatarError, Worker, int, int]:
    """The error of a task, the worker that had it, and the process ids that did it and the next one."""
    async with bed.supervisor(deadlines={"stopping": 10}) as supervisor:
        worker, hello = await supervisor.worker("tts")
        with pytest.raises(AvatarError) as caught:
            await worker.run(bed.task(behaviour), Ear())
        again, _ = await supervisor.worker("tts")
        result = await again.run(bed.task("echo", "t2"), Ear())
        return caught.value, worker, hello.pid, int(result.outcome.voice)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("assertion", "CUDA error: device-side assert triggered"),
        ("cublas", "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`"),
    ],
)
def test_a_cuda_error_replaces_the_process(bed: Bed, behaviour: str, says: str) -> None:
    error, worker, first, second = asyncio.run(fail_and_go_on(bed, behaviour))
    assert type(error) is DeviceFailed
    assert f"The GPU failed the tts worker while speaking: {says}" in error.message
    assert "Traceback" in error.traceback
    assert worker.failure is error
    assert first != second
    assert not alive(first)


@pytest.mark.parametrize(
    ("behaviour", "says", "remedy"),
    [
        ("starved", "The GPU ran out of memory: CUDA out of memory. Tried to allocate", "AVATAR_PROFILE"),
        ("limit", "The host ran out of memory", "Close other programs"),
    ],
)
def test_out_of_memory_keeps_the_process_and_takes_its_engine_off_the_device(
    bed: Bed, behaviour: str, says: str, remedy: str
) -> None:
    error, worker, first, second = asyncio.run(fail_and_go_on(bed, behaviour))
    assert type(error) is OutOfMemory
    assert says in error.message
    assert remedy in error.hint
    assert first == second
    assert worker.process.log is not None
    assert worker.process.log.read_text().count("leaving the device") == 1


def test_an_engine_that_cannot_leave_the_device_after_that_takes_its_process_along(bed: Bed) -> None:
    async def scenario() -> None:
        async with bed.supervisor(environment={"FAKE_OFFLOAD": "memory"}) as supervisor:
            worker, _ = await supervisor.worker("tts")
            with pytest.raises(OutOfMemory):
                await worker.run(bed.task("starved"), Ear())
            with pytest.raises(DeviceFailed):
                await worker.ended()

    asyncio.run(scenario())


def counter(*values: int) -> Callable[[], int]:
    """The kernel's count of processes that it ended: at the start of a worker, and after its end."""
    return iter(values).__next__


@pytest.mark.parametrize("kills", [(3, 4), (0, 2)])
def test_one_ended_by_the_kernel_for_want_of_memory_is_told_so(bed: Bed, kills: tuple[int, int]) -> None:
    async def scenario() -> None:
        async with bed.supervisor(kernel_kills=counter(*kills)) as supervisor:
            worker, _ = await supervisor.worker("tts")
            await worker.run(bed.task("echo", "t0"), Ear())
            (bed.job.folder / HEARD).unlink()
            await worker.run(bed.task("killed"), Ear())

    with pytest.raises(WorkerCrashed) as caught:
        asyncio.run(scenario())
    assert "was ended by the kernel while speaking: the host ran out of memory" in caught.value.message
    assert "It held 0." in caught.value.hint
    assert "Close other programs" in caught.value.hint


def test_one_killed_by_somebody_else_is_not_taken_for_that(bed: Bed) -> None:
    async def scenario() -> None:
        async with bed.supervisor(kernel_kills=counter(3, 3)) as supervisor:
            worker, _ = await supervisor.worker("tts")
            await worker.run(bed.task("killed"), Ear())

    with pytest.raises(WorkerCrashed) as caught:
        asyncio.run(scenario())
    assert "was killed by SIGKILL while speaking, not by us" in caught.value.message


@pytest.mark.parametrize(("device", "visible"), [("cpu", ""), ("GPU-1234", "GPU-1234")])
def test_a_worker_sees_its_own_gpu_or_none(
    device: str, visible: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    launch = Launch("tts", ("true",), environment={"CUDA_VISIBLE_DEVICES": "3"}, device=device)
    environment = WorkerProcess(launch, None)._environment()
    assert environment["CUDA_VISIBLE_DEVICES"] == visible
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_a_worker_that_sees_another_device_than_it_was_started_for_is_refused(bed: Bed) -> None:
    async def scenario() -> None:
        async with bed.supervisor("device", device="GPU-mine") as supervisor:
            await supervisor.worker("tts")

    with pytest.raises(HandshakeRefused, match=r"sees GPU-another; it was started for GPU-mine"):
        asyncio.run(scenario())


def test_a_worker_that_was_started_for_a_gpu_says_so(bed: Bed) -> None:
    async def scenario() -> str:
        async with bed.supervisor(device="GPU-5a1b") as supervisor:
            _, hello = await supervisor.worker("tts")
            return hello.device

    assert asyncio.run(scenario()) == "GPU-5a1b"
