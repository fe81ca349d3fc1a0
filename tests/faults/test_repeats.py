"""A task whose worker dies is repeated on a new one, and set aside when it has killed three."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from orchestrator.cli.display import PlainDisplay
from orchestrator.job import Job
from orchestrator.restarts import RestartPolicy
from orchestrator.runner import Runner, StageReport
from orchestrator.supervisor import Supervisor
from shared_schema.errors import (
    AvatarError,
    DeviceFailed,
    HandshakeRefused,
    OutOfMemory,
    RestartLimit,
    TaskSetAside,
    TextError,
    WorkerCrashed,
    WorkerError,
    WorkerHung,
)
from shared_schema.messages import EngineInfo, FileRef, Progress, ReleaseMode
from shared_schema.stages import SpeechParams, Stage
from tests.support.bed import HEARD, Bed, Ear


@dataclass
class Witness:
    """A watcher that remembers which attempts followed, and what was in the job's folder by then."""

    job: Job
    repeats: list[tuple[Stage, int, WorkerError, set[str]]] = field(default_factory=list)

    def chosen(self, stage: Stage, engine: EngineInfo, why: str) -> None: ...

    def progressed(self, stage: Stage, progress: Progress) -> None:
        if progress.phase == "speaking":
            (self.job.folder / HEARD).touch()

    def repeated(self, stage: Stage, attempt: int, why: WorkerError) -> None:
        self.repeats.append((stage, attempt, why, {path.name for path in self.job.folder.iterdir()}))

    def finished(self, report: StageReport) -> None: ...


Outcome = tuple[StageReport | AvatarError, Witness]


def run_stage(bed: Bed, supervisor: Supervisor, behaviour: str) -> Outcome:
    """What the stage gave, or how it failed; and what its watcher saw."""
    witness = Witness(bed.job)

    async def scenario() -> StageReport | AvatarError:
        async with supervisor, bed.arbiter(supervisor) as arbiter:
            try:
                runner = Runner(arbiter, bed.job, witness, 0)
                return await runner.run(
                    Stage.SPEECH, SpeechParams(behaviour), {"text": bed.job.add_text("a")}
                )
            except AvatarError as error:
                return error

    return asyncio.run(scenario()), witness


def test_a_task_whose_worker_died_once_is_done_by_the_next_which_starts_clean(bed: Bed) -> None:
    report, witness = run_stage(bed, bed.supervisor(), "once")
    assert isinstance(report, StageReport)
    assert bed.job.path(report.files["speech"]).read_bytes() == b"sound0"
    assert len(witness.repeats) == 1
    stage, attempt, why, files = witness.repeats[0]
    assert (stage, attempt) == (Stage.SPEECH, 2)
    assert isinstance(why, WorkerCrashed)
    assert files == {"lock", "input-text"}


@pytest.mark.parametrize(
    ("behaviour", "kind", "says"),
    [
        ("crash", WorkerCrashed, "The tts worker was killed by SIGSEGV while speaking."),
        ("sleep", WorkerHung, "The tts worker made no progress for 2 s while speaking."),
        ("assertion", DeviceFailed, "The GPU failed the tts worker while speaking"),
    ],
)
def test_a_task_that_killed_three_workers_is_set_aside_with_the_last_words(
    bed: Bed, behaviour: str, kind: type[WorkerError], says: str
) -> None:
    error, witness = run_stage(bed, bed.supervisor(deadlines={"running": 2.0}), behaviour)
    assert isinstance(error, TaskSetAside)
    assert "The tts stage was set aside: 3 attempts" in error.message
    assert says in error.message
    assert "\n" not in str(error)
    assert "Choose another engine, or change the input." in error.hint
    assert error.traceback
    assert [attempt for _, attempt, _, _ in witness.repeats] == [2, 3]
    assert {type(why) for _, _, why, _ in witness.repeats} == {kind}
    assert len({why.hint for _, _, why, _ in witness.repeats}) == 2  # it names the log, one a process


@pytest.mark.parametrize(
    ("behaviour", "mode", "kind"),
    [
        ("refuse", "", TextError),
        ("starved", "", OutOfMemory),
        ("echo", "schema", HandshakeRefused),
        ("echo", "dead", WorkerCrashed),
        ("echo", "garbage", WorkerError),
    ],
)
def test_what_would_only_fail_again_is_not_repeated(
    bed: Bed, behaviour: str, mode: str, kind: type[AvatarError]
) -> None:
    error, witness = run_stage(bed, bed.supervisor(mode), behaviour)
    assert isinstance(error, kind)
    assert not isinstance(error, TaskSetAside)
    assert witness.repeats == []


def test_files_of_another_stage_that_runs_are_left_alone(bed: Bed) -> None:
    job = bed.job
    kept = job.folder / "portrait.png"

    class Busy(Witness):
        def progressed(self, stage: Stage, progress: Progress) -> None:
            if not self.repeats:
                kept.write_bytes(b"half a portrait of another stage")
            super().progressed(stage, progress)

    async def scenario() -> StageReport:
        witness = Busy(job)
        async with bed.supervisor() as supervisor, bed.arbiter(supervisor) as arbiter:
            runner = Runner(arbiter, job, witness, 0)
            runner._running.add(Stage.PORTRAIT)
            inputs: dict[str, FileRef] = {}
            return await runner.run(Stage.SPEECH, SpeechParams("once"), inputs)

    report = asyncio.run(scenario())
    assert kept.exists()
    assert bed.job.path(report.files["speech"]).read_bytes() == b"sound0"


def test_a_person_is_told_why_a_stage_begins_again(capsys: pytest.CaptureFixture[str]) -> None:
    PlainDisplay().repeated(Stage.SPEECH, 2, WorkerCrashed("The tts worker was killed by SIGSEGV."))
    assert capsys.readouterr().err == "tts       attempt 2: The tts worker was killed by SIGSEGV.\n"


def test_accepted_artifacts_outlive_a_dead_attempt(job: Job) -> None:
    before = job.files()
    for name in ("speech.wav", "half.wav"):
        (job.folder / name).write_bytes(b"x")
    job._accepted.add(job.folder / "speech.wav")
    job.discard_since(before)
    assert {path.name for path in job.files()} == {"lock", "speech.wav"}


async def crash(bed: Bed, supervisor: Supervisor, number: int) -> None:
    worker, _ = await supervisor.worker("tts")
    with pytest.raises(WorkerCrashed):
        await worker.run(bed.task("crash", f"t{number}"), Ear())


def with_supervisor(bed: Bed, policy: RestartPolicy, script: Callable[[Supervisor], Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with bed.supervisor(restarts=policy) as supervisor:
            await script(supervisor)

    asyncio.run(scenario())


def test_after_too_many_restarts_the_next_is_refused_with_the_log_s_last_words(bed: Bed) -> None:
    now = [0.0]
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    async def script(supervisor: Supervisor) -> None:
        for number in range(6):
            await crash(bed, supervisor, number)
        with pytest.raises(RestartLimit) as caught:
            await supervisor.worker("tts")
        assert "The last time: The tts worker was killed by SIGSEGV" in caught.value.message
        assert "about to crash" in caught.value.traceback
        now[0] = 60.0
        worker, _ = await supervisor.worker("tts")
        await worker.run(bed.task("echo"), Ear())

    with_supervisor(bed, RestartPolicy(clock=lambda: now[0], sleep=rest), script)
    assert rests == [0.1, 0.5, 2.0, 5.0]


def test_ends_that_were_asked_for_are_no_failures(bed: Bed) -> None:
    async def no_rest(_seconds: float) -> None:
        pytest.fail("a deliberate end must cost nothing")

    async def script(supervisor: Supervisor) -> None:
        for epoch in range(7):
            worker, _ = await supervisor.worker("tts")
            await worker.release(epoch, ReleaseMode.EXIT)

    with_supervisor(bed, RestartPolicy(sleep=no_rest), script)


def test_workers_that_cannot_even_start_are_limited_too(bed: Bed) -> None:
    async def rest(_seconds: float) -> None: ...

    async def scenario() -> list[str]:
        told = []
        async with bed.supervisor("dead", restarts=RestartPolicy(sleep=rest)) as supervisor:
            for _ in range(7):
                with pytest.raises(WorkerError) as caught:
                    await supervisor.worker("tts")
                told.append(caught.value.code)
        return told

    assert asyncio.run(scenario()) == ["worker-crashed"] * 6 + ["restart-limit"]
