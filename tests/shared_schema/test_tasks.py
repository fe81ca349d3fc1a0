"""The engine contract: files, progress, cancellation, and what becomes of an exception."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from shared_schema.engine import Availability, Context, Engine, file_reference
from shared_schema.errors import Cancelled, EngineUnavailable, EngineUnknown, InputError, TextError
from shared_schema.messages import Chunk, Progress, ReleaseMode, Task
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from shared_schema.tasks import Bench, as_failure


class Copier(Engine):
    """Copies its text; `body` is what a test wants to happen on the way."""

    name = "copier"
    stage = Stage.SPEECH
    version = "1"
    summary = "Copies."
    body: ClassVar[Callable[[Context], None]] = staticmethod(lambda _context: None)
    verbs: ClassVar[list[str]] = []

    def load(self) -> None:
        self.verbs.append("load")

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        context.output("speech", "speech.wav").write_bytes(context.input("text").read_bytes())
        type(self).body(context)
        return SpeechOutcome(24000, 1, 1)

    def offload(self) -> None:
        self.verbs.append("offload")

    def unload(self) -> None:
        self.verbs.append("unload")


class Absent(Copier):
    name = "absent"

    @classmethod
    def availability(cls) -> Availability:
        return Availability(ready=False, lacks="It lacks weights.", remedy="Fetch them.")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Copier, "verbs", [])


@pytest.fixture
def task(tmp_path: Path) -> Task:
    text = tmp_path / "text.txt"
    text.write_text("hello")
    inputs = {"text": file_reference(text, tmp_path)}
    return Task("t", 1, Stage.SPEECH, "copier", str(tmp_path), inputs, SpeechParams())


def bench() -> Bench:
    return Bench([Copier, Absent], lambda _phase: None)


def test_a_result_names_each_file_with_its_digest(task: Task) -> None:
    result = bench().run_alone(task)
    assert [artifact.name for artifact in result.artifacts] == ["speech"]
    assert result.artifacts[0].file.sha256 == task.inputs["text"].sha256
    assert result.peaks.rss > 1_000_000


def test_an_engine_is_loaded_once(task: Task) -> None:
    one = bench()
    one.run_alone(task)
    one.run_alone(task)
    assert Copier.verbs == ["load"]


def test_after_unload_an_engine_is_loaded_again_and_after_offload_not(task: Task) -> None:
    one = bench()
    one.run_alone(task)
    one.release(ReleaseMode.OFFLOAD)
    one.run_alone(task)
    one.release(ReleaseMode.UNLOAD)
    one.run_alone(task)
    assert Copier.verbs == ["load", "offload", "unload", "load"]


def test_an_engine_that_is_not_ready_says_what_it_lacks() -> None:
    with pytest.raises(EngineUnavailable, match=r"lacks weights\. Fetch them"):
        bench().engine("absent")


def test_an_unknown_engine_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(EngineUnknown, match="absent, copier"):
        bench().engine("nobody")


def test_a_failed_task_leaves_no_half_file(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_context: Context) -> None:
        raise TextError("Bad.")

    monkeypatch.setattr(Copier, "body", staticmethod(fail))
    with pytest.raises(TextError):
        bench().run_alone(task)
    assert not (Path(task.folder) / "speech.wav").exists()


def test_what_a_killed_attempt_left_is_no_result_of_the_next(task: Task) -> None:
    (Path(task.folder) / "timings.jsonl").write_text("half")
    context = Context(task)
    assert not context.output("timings", "timings.jsonl").exists()
    assert context.artifacts() == []


def test_a_cancelled_task_ends_at_its_next_report(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = threading.Event()

    def cancel_and_report(context: Context) -> None:
        cancelled.set()
        context.progress("speaking", 1, 2)

    monkeypatch.setattr(Copier, "body", staticmethod(cancel_and_report))
    with pytest.raises(Cancelled):
        bench().run(task, cancelled, lambda *_message: None)
    assert not (Path(task.folder) / "speech.wav").exists()


def test_an_input_that_changed_since_it_was_sent_is_refused(task: Task) -> None:
    (Path(task.folder) / "text.txt").write_text("something longer")
    with pytest.raises(InputError, match="has changed"):
        bench().run_alone(task)


def test_remaining_time_follows_the_rate_of_the_phase(task: Task) -> None:
    now = [0.0]
    seen: list[tuple[str, int, int, float | None]] = []
    context = Context(task, progress=lambda *report: seen.append(report), clock=lambda: now[0])
    context.progress("speaking", 0, 10)
    now[0] = 4.0
    context.progress("speaking", 2, 10)
    context.progress("writing", 0, 0)
    assert seen == [("speaking", 0, 10, None), ("speaking", 2, 10, 16.0), ("writing", 0, 0, None)]
    assert context.timings == {"speaking": 4.0}


def test_progress_is_thinned_out_but_its_end_is_told(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []

    def report_often(context: Context) -> None:
        for index in range(10_001):
            context.progress("speaking", index, 10_000)

    monkeypatch.setattr(Copier, "body", staticmethod(report_often))
    bench().run(task, threading.Event(), lambda message, *_bulk: sent.append(message))
    reports = [message for message in sent if isinstance(message, Progress) and message.phase == "speaking"]
    assert reports[-1].done == 10_000
    assert len(reports) < 1_000


def test_chunks_are_numbered_by_name(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[object, ...]] = []

    def stream(context: Context) -> None:
        context.chunk("speech", b"ab")
        context.chunk("speech", b"c", last=True)

    monkeypatch.setattr(Copier, "body", staticmethod(stream))
    bench().run(task, threading.Event(), lambda *message: sent.append(message))
    assert [item for item in sent if isinstance(item[0], Chunk)] == [
        (Chunk("t", 1, "speech", 0, last=False), b"ab"),
        (Chunk("t", 1, "speech", 1, last=True), b"c"),
    ]


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (TextError("Empty.", "Write."), "bad-text", "Empty."),
        (OSError(errno.ENOSPC, "No space left on device"), "bad-output", "disk is full"),
        (MemoryError(), "out-of-memory", "host ran out of memory"),
        (ValueError("odd"), "engine-failed", "unforeseen ValueError: odd"),
    ],
)
def test_an_exception_becomes_an_answer_with_a_code(error: Exception, code: str, says: str) -> None:
    failure = as_failure(error, "t", 3)
    assert (failure.code, failure.task_id, failure.attempt) == (code, "t", 3)
    assert says in failure.message
    assert type(error).__name__ in failure.traceback
