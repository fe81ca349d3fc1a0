"""What a worker makes of a grant: where its engines compute, and who leaves the device for whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from shared_schema.engine import Context, Engine
from shared_schema.errors import ProtocolError
from shared_schema.messages import Memory, Precision, Profile, ReleaseMode, Task
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from shared_schema.tasks import Bench
from shared_schema.worker import describe, visible_device

GPU = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
PROFILE = Profile("small", Precision.FP16, batch=4, tiling=True)


class Heavy(Engine):
    """Uses a GPU, and writes down what happens to it."""

    name = "heavy"
    stage = Stage.SPEECH
    version = "1"
    summary = "Computes on a GPU."
    host = Memory(3_000, 1_000)
    gpu: ClassVar[Memory | None] = Memory(7_000, 500)
    happened: ClassVar[list[str]] = []
    context: ClassVar[Context]

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        self.happened.append(f"run {self.name}")
        type(self).context = context
        return SpeechOutcome(24000, 1, 1)

    def offload(self) -> None:
        self.happened.append(f"offload {self.name}")

    def unload(self) -> None:
        self.happened.append(f"unload {self.name}")


class Other(Heavy):
    name = "other"


class Light(Heavy):
    name = "light"
    gpu = None


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    Heavy.happened.clear()


@pytest.fixture
def bench() -> Bench:
    made = Bench([Heavy, Other, Light], lambda _phase: None, sees=GPU)
    made.profile = PROFILE
    return made


def run(bench: Bench, folder: Path, engine: type[Heavy]) -> Context:
    bench.run_alone(Task("t", 1, Stage.SPEECH, engine.name, str(folder), {}, SpeechParams()))
    return engine.context


def test_what_was_granted_reaches_the_engine(bench: Bench, tmp_path: Path) -> None:
    bench.grant(GPU, 6_000)
    context = run(bench, tmp_path, Heavy)
    assert (context.device, context.budget, context.profile) == ("cuda", 6_000, PROFILE)


def test_without_a_grant_it_computes_on_the_host(bench: Bench, tmp_path: Path) -> None:
    context = run(bench, tmp_path, Heavy)
    assert (context.device, context.budget, context.profile) == ("cpu", 0, PROFILE)


def test_a_budget_of_host_memory_is_told_too(bench: Bench, tmp_path: Path) -> None:
    bench.grant("cpu", 6_000)
    context = run(bench, tmp_path, Light)
    assert (context.device, context.budget) == ("cpu", 6_000)


def test_a_gpus_budget_is_not_the_hosts(bench: Bench, tmp_path: Path) -> None:
    bench.grant(GPU, 6_000)
    context = run(bench, tmp_path, Light)
    assert (context.device, context.budget) == ("cpu", 0)


@pytest.mark.parametrize("mode", [ReleaseMode.OFFLOAD, ReleaseMode.UNLOAD])
def test_with_the_release_the_grant_ends(bench: Bench, tmp_path: Path, mode: ReleaseMode) -> None:
    bench.grant(GPU, 6_000)
    bench.release(mode)
    assert run(bench, tmp_path, Heavy).device == "cpu"


def test_a_device_that_it_does_not_see_is_refused(bench: Bench) -> None:
    with pytest.raises(ProtocolError, match=f"sees {GPU} and was granted GPU-2"):
        bench.grant("GPU-2", 0)
    with pytest.raises(ProtocolError, match="sees cpu and was granted GPU-2"):
        Bench([Heavy], lambda _phase: None).grant("GPU-2", 0)


def test_one_engine_is_on_the_device_at_a_time(bench: Bench, tmp_path: Path) -> None:
    for engine in (Heavy, Other, Light, Heavy):
        run(bench, tmp_path, engine)
    assert Heavy.happened == [
        "run heavy", "offload heavy", "run other", "run light", "offload other", "run heavy",
    ]  # fmt: skip


def test_the_account_of_a_release_is_of_the_device_that_was_granted(bench: Bench) -> None:
    bench.grant("cpu", 0)
    before, after = bench.release(ReleaseMode.UNLOAD)
    assert min(before, after) > 1_000_000
    bench.grant(GPU, 0)
    assert bench.release(ReleaseMode.UNLOAD) == (0, 0)


def test_before_its_end_a_process_gives_nothing_back_by_hand(bench: Bench, tmp_path: Path) -> None:
    run(bench, tmp_path, Heavy)
    before, after = bench.release(ReleaseMode.EXIT)
    assert before > 1_000_000
    assert after == 0
    assert Heavy.happened == ["run heavy"]


def test_what_an_engine_states_is_told_in_the_handshake() -> None:
    heavy, light = describe(Heavy), describe(Light)
    assert (heavy.host, heavy.gpu) == (Memory(3_000, 1_000), Memory(7_000, 500))
    assert (light.host, light.gpu) == (Memory(3_000, 1_000), None)


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        (GPU, GPU),
        ("MIG-a5ad04b0-6b7a-5c1f-9d65-bd6e0c6a3b1d", "MIG-a5ad04b0-6b7a-5c1f-9d65-bd6e0c6a3b1d"),
        ("", "cpu"),
        ("0", "cpu"),
        (f"{GPU},GPU-2", "cpu"),
        ("GPU-", "cpu"),
    ],
)
def test_it_sees_the_one_gpu_that_is_named_by_its_uuid(
    monkeypatch: pytest.MonkeyPatch, named: str, seen: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_device() == seen
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible_device() == "cpu"
