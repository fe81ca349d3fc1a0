"""Lips follow a voice that still speaks: whoever dies, is cancelled or is slow, nothing is sent twice, and no
two wait for each other.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.gpu.arbiter import Arbiter, Leased, Placement
from orchestrator.gpu.host import HostMeter, host_device
from orchestrator.gpu.profiles import Mode, Settings, Way
from orchestrator.job import Job
from orchestrator.liveness import Deadlines
from orchestrator.pipeline import Request
from orchestrator.process import Launch
from orchestrator.runner import Runner, StageReport
from orchestrator.streaming import streamed_portrait
from orchestrator.supervisor import Supervisor
from shared_schema.errors import (
    AvatarError,
    EngineFailed,
    OutputError,
    TextError,
    WorkerError,
)
from shared_schema.feed import Feed
from shared_schema.messages import Chunk, EngineInfo, Profile, Progress, Task
from shared_schema.stages import LipsyncParams, PortraitParams, SpeechParams, Stage
from tests.support.bed import Ear
from tests.support.live_worker import WORDS
from tests.support.processes import alive

WORKER = Path(__file__).parents[1] / "support/live_worker.py"
SPOKEN = b"".join(WORDS)


@dataclass
class Studio:
    """A job with its workers, and what was sent of its video. What `on_video` touches lets the voice on."""

    job: Job
    lips: str = ""
    mode: Mode = Mode.BUDGET
    running: float = 60.0
    video: list[bytes] = field(default_factory=list)
    repeats: list[tuple[Stage, int]] = field(default_factory=list)
    chosen_engines: list[Stage] = field(default_factory=list)
    on_video: Callable[[], None] = lambda: None
    on_speech: Callable[[], None] = lambda: None
    on_finished: Callable[[Stage], None] = lambda _stage: None

    def touch(self, *names: str) -> None:
        for name in names:
            (self.job.folder / name).touch()

    def say_all(self) -> None:
        self.touch(*(f"say-{number}" for number in range(1, len(WORDS))))

    def has(self, name: str) -> bool:
        return (self.job.folder / name).exists()

    def supervisor(self) -> Supervisor:
        def launch(name: str) -> Launch:
            variables = {"LIVE_WORKER": name, "LIVE_LIPS": self.lips}
            return Launch(name, (sys.executable, str(WORKER)), "", "", environment=variables)

        limits = Deadlines(running=self.running, ping_interval=0.05, stopping=5.0)
        return Supervisor(launch, deadlines=limits)

    def arbiter(self, supervisor: Supervisor) -> Arbiter:
        leased = Leased(host_device(), HostMeter(), Settings(Profile(), self.mode, Way.UNLOAD, "a test"))
        return Arbiter(Placement([leased]), supervisor)

    def chunk(self, stage: Stage, _chunk: Chunk, data: bytes) -> None:
        if stage is Stage.LIPSYNC:
            self.video.append(data)
            self.on_video()

    def chosen(self, stage: Stage, engine: EngineInfo, why: str) -> None:
        self.chosen_engines.append(stage)

    def progressed(self, stage: Stage, progress: Progress) -> None:
        if stage is Stage.SPEECH:
            self.on_speech()

    def repeated(self, stage: Stage, attempt: int, why: WorkerError) -> None:
        self.repeats.append((stage, attempt))

    def finished(self, report: StageReport) -> None:
        self.on_finished(report.stage)

    async def make(self, language: str = "") -> list[StageReport]:
        """The video of a voice that does as `language` says."""
        request = Request(
            {"text": self.job.add_text("a")},
            SpeechParams(language),
            PortraitParams(),
            LipsyncParams(stream=True),
            {},
        )
        async with self.supervisor() as supervisor, self.arbiter(supervisor) as arbiter:
            runner = Runner(arbiter, self.job, self, 0)
            runner.on_chunk = self.chunk
            return await streamed_portrait(self.job.folder, supervisor, runner, request)

    def failure(self, language: str = "") -> AvatarError:
        with pytest.raises(AvatarError) as caught:
            asyncio.run(self.make(language))
        return caught.value


@pytest.fixture
def studio(job: Job) -> Studio:
    return Studio(job)


def test_the_lips_follow_word_by_word_while_the_voice_still_speaks(studio: Studio) -> None:
    """Each word is said only when the one before was seen."""
    studio.on_video = lambda: studio.touch(f"say-{len(studio.video)}")
    reports = asyncio.run(studio.make())
    assert studio.video == WORDS
    assert [report.stage for report in reports] == [Stage.SPEECH, Stage.PORTRAIT, Stage.LIPSYNC]
    assert (studio.job.folder / "streams").read_text() == "True"


def test_lips_that_cannot_follow_begin_when_all_was_said(studio: Studio) -> None:
    studio.lips = "deaf"
    studio.say_all()
    asyncio.run(studio.make())
    assert studio.video == [b"file:" + SPOKEN]
    assert (studio.job.folder / "streams").read_text() == "False"


def test_where_only_one_may_hold_the_device_the_lips_wait_for_the_voice(studio: Studio) -> None:
    """It is at its first word when they could begin."""
    studio.mode = Mode.EXCLUSIVE
    studio.on_finished = lambda stage: studio.say_all() if stage is Stage.PORTRAIT else None
    asyncio.run(studio.make())
    assert studio.video == [b"file:" + SPOKEN]
    assert (studio.job.folder / "streams").read_text() == "False"


def test_a_voice_that_dies_before_anything_was_seen_is_followed_anew_with_all_it_says(studio: Studio) -> None:
    studio.lips = "silent"
    studio.on_speech = lambda: studio.touch("say-1") if studio.has("heard") else None
    asyncio.run(studio.make("dies"))
    assert studio.video == [b"file:" + SPOKEN]
    assert studio.repeats == [(Stage.SPEECH, 2)]
    assert studio.chosen_engines.count(Stage.LIPSYNC) == 2


def test_a_voice_that_dies_when_something_was_seen_goes_on_where_it_was(studio: Studio) -> None:
    studio.on_video = lambda: studio.touch("say-1")
    asyncio.run(studio.make("dies"))
    assert b"".join(studio.video) == SPOKEN
    assert studio.repeats == [(Stage.SPEECH, 2)]
    assert studio.chosen_engines.count(Stage.LIPSYNC) == 1


def test_lips_that_die_before_anything_was_seen_begin_again_with_the_first_word(studio: Studio) -> None:
    studio.lips = "dies-unseen"
    studio.on_video = studio.say_all
    asyncio.run(studio.make())
    assert b"".join(studio.video) == SPOKEN
    assert studio.repeats == [(Stage.LIPSYNC, 2)]


def test_lips_that_die_when_something_was_seen_end_it_with_one_clear_line(studio: Studio) -> None:
    studio.lips = "dies-seen"
    studio.on_video = lambda: studio.touch("seen")
    error = studio.failure()
    assert type(error) is WorkerError
    assert "The lipsync worker was killed by SIGKILL" in error.message
    assert "A part of the video was sent already, so it is not made again." in error.message
    assert studio.repeats == []


def test_a_voice_that_fails_ends_the_lips_too(studio: Studio) -> None:
    studio.on_video = lambda: studio.touch("say-1")
    error = studio.failure("refuses")
    assert isinstance(error, TextError)
    assert error.message == "The text is odd."


def test_lips_that_fail_end_the_voice_too(studio: Studio) -> None:
    studio.lips = "fails"
    assert studio.failure().message == "The lips are odd."


def test_a_voice_of_another_rate_is_refused(studio: Studio) -> None:
    studio.on_video = lambda: studio.touch(f"say-{len(studio.video)}")
    error = studio.failure("another-rate")
    assert isinstance(error, EngineFailed)
    assert "voice speaks at 22050 Hz; live speech must have 24000" in error.message


def test_cancelled_in_the_middle_it_ends_both_and_leaves_no_process(studio: Studio) -> None:
    pids: list[int] = []

    async def scenario() -> None:
        making = asyncio.create_task(studio.make())

        def stop() -> None:
            pids.extend(children())
            making.cancel()

        studio.on_video = stop
        with pytest.raises(asyncio.CancelledError):
            await making

    asyncio.run(scenario())
    assert len(pids) >= 3
    assert not [pid for pid in pids if alive(pid)]
    assert studio.video == WORDS[:1]


def children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def live_task(job: Job, attempt: int = 1) -> Task:
    inputs = {name: job.add_text("x", "prompt") for name in ("portrait", "face")}
    return Task(
        "t1",
        attempt,
        Stage.LIPSYNC,
        "lips",
        str(job.folder),
        inputs,
        LipsyncParams(stream=True),
        live=["speech"],
    )


def test_lips_that_wait_for_a_word_for_long_are_not_taken_for_hung(studio: Studio) -> None:
    studio.running = 0.5
    feed, ear = Feed(studio.job.folder), Ear()

    async def scenario() -> None:
        async with studio.supervisor() as supervisor:
            worker, _ = await supervisor.worker("lipsync")
            running = asyncio.create_task(worker.run(live_task(studio.job), ear, {"speech": feed}))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(worker.ended(), 2.0)
            feed.append(b"late")
            feed.close()
            await running

    asyncio.run(scenario())
    feed.discard()
    assert ear.chunks == [b"late"]


def test_a_feed_that_fails_is_the_task_s_error_and_the_worker_lives(studio: Studio) -> None:
    feed, sound = Feed(studio.job.folder), Feed(studio.job.folder)

    async def scenario() -> list[bytes]:
        ear = Ear()
        async with studio.supervisor() as supervisor:
            worker, _ = await supervisor.worker("lipsync")
            feed.fail(OutputError("The disk is full."))
            with pytest.raises(OutputError, match="disk is full"):
                await worker.run(live_task(studio.job), Ear(), {"speech": feed})
            sound.append(SPOKEN)
            sound.close()
            await worker.run(live_task(studio.job, attempt=2), ear, {"speech": sound})
            return ear.chunks

    assert asyncio.run(scenario()) == [SPOKEN]
    sound.discard()
