"""Which answer belongs to which request: attempts and epochs are fencing tokens."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest

from orchestrator.requests import Loading, Releasing, Reply, Request, Running
from shared_schema.errors import EngineUnknown, TextError, WorkerCrashed
from shared_schema.messages import Chunk, Failed, Loaded, Peaks, Progress, Released, Result, Task
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from tests.support.bed import Ear

TASK = Task("t1", 2, Stage.SPEECH, "fake", "/nowhere", {}, SpeechParams())
OUTCOME = SpeechOutcome(24000, 1, 1)


def result(task: str, attempt: int) -> Result:
    return Result(task, attempt, [], OUTCOME, {}, Peaks(1))


def hear(make: Callable[[], Request[object]], *replies: Reply) -> tuple[list[bool], object]:
    """Which replies were taken, and the answer or its error; None where there is none yet."""

    async def scenario() -> tuple[list[bool], object]:
        request = make()
        taken = [request.hear(reply, [b"bulk"]) for reply in replies]
        if not request.answer.done():
            return taken, None
        return taken, request.answer.exception() or request.answer.result()

    return asyncio.run(scenario())


def running(ear: Ear) -> Callable[[], Request[object]]:
    return lambda: Running(TASK, ear)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "reply",
    [
        Progress("t1", 1, "waiting", 1, 2),
        Chunk("t1", 1, "speech", 0),
        result("t1", 1),
        result("t1", 3),
        result("t0", 2),
        Failed("t1", 1, "bad-text", "Old."),
        Failed("", 0, "bad-text", "No task's."),
        Loaded("fake", 1.0),
        Released(2, 0, 0),
    ],
)
def test_what_is_not_of_this_attempt_is_not_taken(reply: Reply) -> None:
    ear = Ear()
    assert hear(running(ear), reply) == ([False], None)
    assert (ear.reports, ear.chunks) == ([], [])


def test_what_is_of_this_attempt_is_taken_until_the_first_answer() -> None:
    ear = Ear()
    progress = Progress("t1", 2, "waiting", 1, 2)
    replies = (progress, Chunk("t1", 2, "speech", 0), result("t1", 2), Failed("t1", 2, "bad-text", "Twice."))
    taken, answer = hear(running(ear), *replies)
    assert taken == [True, True, True, False]
    assert answer == result("t1", 2)
    assert (ear.reports, ear.chunks) == ([progress], [b"bulk"])


def test_a_failure_is_the_error_that_its_code_names() -> None:
    _, error = hear(running(Ear()), Failed("t1", 2, "bad-text", "Odd.", "Write.", "trace"))
    assert isinstance(error, TextError)
    assert (error.message, error.hint, error.traceback) == ("Odd.", "Write.", "trace")


def test_a_load_takes_its_own_engine_and_the_failure_of_no_task() -> None:
    def make() -> Request[object]:
        return Loading("fake")  # type: ignore[return-value]

    assert hear(make, Loaded("other", 1.0), Failed("t1", 1, "bad-text", "A task's.")) == ([False] * 2, None)
    assert hear(make, Loaded("fake", 1.0)) == ([True], Loaded("fake", 1.0))
    taken, error = hear(make, Failed("", 0, "unknown-engine", "None such."))
    assert taken == [True]
    assert isinstance(error, EngineUnknown)


def test_a_release_takes_its_own_epoch_only() -> None:
    def make() -> Request[object]:
        return Releasing(5)  # type: ignore[return-value]

    replies = Released(4, 1, 1), Released(6, 1, 1), Released(5, 9, 2)
    assert hear(make, *replies) == ([False, False, True], Released(5, 9, 2))


def test_an_error_that_nobody_waits_for_any_more_is_not_complained_about() -> None:
    complaints: list[dict[str, object]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: complaints.append(what))
        Releasing(5).fail(WorkerCrashed("It is gone."))
        gc.collect()

    asyncio.run(scenario())
    assert complaints == []
