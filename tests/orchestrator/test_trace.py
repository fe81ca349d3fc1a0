"""A trace shows a journal truly, and such that Perfetto draws all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import journal
from orchestrator.gpu.events import (
    Ended,
    Event,
    Freed,
    Granted,
    HandedOver,
    Phase,
    Started,
    TaskBegan,
    TaskEnded,
    Waiting,
    Withdrawn,
)
from orchestrator.journal import Header, Journal
from orchestrator.trace import render
from tests.support.happenings import GB, GPU, began, crashed, handed_over
from tests.support.trace_events import Json, checked, slices

AVATAR = Path(sys.executable).with_name("avatar")


def record(events: list[Event], job: str = "1f0c") -> Path:
    """A journal of these events; without the line that says how the job ended, as if it was killed."""
    with Journal(job, "run -o out.mp4", [GPU]) as listener:
        for event in events:
            listener(event)
    *lines, _ending, _ = listener.path.read_bytes().split(b"\n")
    listener.path.write_bytes(b"\n".join([*lines, b""]))
    return listener.path


def drawn(events: list[Event]) -> list[Json]:
    """The trace of what a journal kept of these events."""
    return checked(render(*journal.read(record(events))))


def avatar(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AVATAR, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_worker_s_tasks_enclose_their_phases() -> None:
    events = drawn(handed_over())
    assert slices(events, "tts worker", "tasks") == [
        ("tts (neural)", 0.3, 2.0),
        ("loading", 0.4, 1.0),
        ("speaking", 1.0, 2.0),
    ]
    task = next(event for event in events if event["name"] == "tts (neural)")
    assert task["args"] == {
        "job": "job",
        "task": "job-tts",
        "attempt": 1,
        "seconds": 1.7,
        "host_peak": GB,
        "gpu_peak": 7 * GB,
    }


def test_waiting_lasts_until_the_task_begins() -> None:
    assert slices(drawn(handed_over()), "lipsync worker", "waiting") == [("waits for the device", 0.5, 2.4)]


def test_waiting_in_vain_ends_where_it_was_given_up() -> None:
    given_up = Withdrawn(at=1.5, job="job", worker="lipsync", device="GPU-1")
    waits = slices(drawn([*handed_over()[:7], given_up]), "lipsync worker", "waiting")
    assert waits == [("waits for the device", 0.5, 1.5)]


def test_a_device_s_ownership_ends_where_its_release_begins() -> None:
    events = drawn(handed_over())
    assert slices(events, "GPU: Test GPU", "owner") == [
        ("tts", 0.3, 2.0),
        ("tts: offload", 2.0, 2.4),
        ("lipsync", 2.4, 4.1),
    ]
    release = next(event for event in events if event["name"] == "tts: offload")
    assert release["args"] == {"epoch": 1, "before": 7 * GB, "after": GB // 10, "said_s": 0.3}
    handover = next(event for event in events if event["name"] == "tts -> lipsync")
    assert handover["args"] == {"seconds": 0.4, "bytes": 6_900_000_000}


def test_counters_say_what_may_be_held_and_what_was_seen() -> None:
    counted = [
        (event["name"], event["ts"] / 1e6, event["args"]["value"])
        for event in drawn(handed_over())
        if event["ph"] == "C"
    ]
    assert counted == [
        ("tts may hold", 0.3, 7 * GB),
        ("tts held", 2.0, 7 * GB),
        ("tts may hold", 2.4, 0),
        ("tts held", 2.4, GB // 10),
        ("lipsync may hold", 2.4, 8 * GB),
    ]


def test_a_crash_ends_what_was_open_and_the_last_event_the_rest() -> None:
    events = drawn(crashed())
    assert slices(events, "lipsync worker", "tasks") == [
        ("lipsync (neural)", 0.3, 1.5),
        ("drawing", 0.5, 1.5),
        ("lipsync (neural)", 3.1, 4.5),
        ("drawing", 3.3, 4.5),
        ("encoding", 4.5, 4.5),
    ]
    assert slices(events, "lipsync worker", "process") == [("process 12", 0.1, 1.5), ("process 13", 3.0, 4.5)]
    task = next(event for event in events if event["name"] == "lipsync (neural)")
    assert task["args"]["failure"] == "worker-crashed"
    assert task["args"]["process_ended"] == "It was ended by SIGSEGV while drawing."
    assert [event["name"] for event in events if event["ph"] == "i"] == [
        "ended: It was ended by SIGSEGV while drawing.",
        "replaced by process 13",
    ]


def test_two_owners_at_once_and_two_who_wait_have_tracks_of_their_own() -> None:
    events = drawn(
        [
            Granted(at=0.0, worker="tts", device="GPU-1", epoch=1, bytes=GB),
            Granted(at=1.0, worker="lipsync", device="GPU-1", epoch=1, bytes=GB),
            Waiting(at=1.0, job="a", worker="vision", device="GPU-1", needs=GB),
            Waiting(at=2.0, job="b", worker="vision", device="GPU-1", needs=GB),
            began(3.0, "vision", job="a"),
            began(4.0, "vision", job="b"),
        ]
    )
    assert slices(events, "GPU: Test GPU", "owner") == [("tts", 0.0, 4.0)]
    assert slices(events, "GPU: Test GPU", "owner (2)") == [("lipsync", 1.0, 4.0)]
    assert slices(events, "vision worker", "waiting") == [("waits for the device", 1.0, 3.0)]
    assert slices(events, "vision worker", "waiting (2)") == [("waits for the device", 2.0, 4.0)]


def test_what_is_written_late_is_drawn_at_its_time() -> None:
    late = handed_over()
    late.append(late.pop(4))
    assert drawn(late) == drawn(handed_over())


def test_what_comes_after_a_task_s_end_changes_nothing() -> None:
    end = TaskEnded(at=2.0, task="job-tts", attempt=1, worker="tts")
    after = Phase(at=3.0, task="job-tts", attempt=1, worker="tts", name="late")
    assert slices(drawn([began(0.0, "tts"), end, after]), "tts worker", "tasks") == [
        ("tts (neural)", 0.0, 2.0)
    ]


def test_devices_stand_above_workers() -> None:
    events = drawn(handed_over())
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    places = {
        names[event["pid"]]: event["args"]["sort_index"]
        for event in events
        if event["name"] == "process_sort_index"
    }
    assert sorted(places, key=places.__getitem__) == ["GPU: Test GPU", "tts worker", "lipsync worker"]


def test_a_journal_without_events_is_an_empty_trace() -> None:
    assert all(event["ph"] == "M" for event in drawn([]))


moments = st.floats(0, 100)
names = st.sampled_from(["tts", "vision"])
counts = st.integers(0, 3)
anything = st.lists(
    st.one_of(
        st.builds(Started, at=moments, worker=names, pid=counts, device=names),
        st.builds(Ended, at=moments, worker=names, pid=counts, why=st.sampled_from(["", "It died."])),
        st.builds(Waiting, at=moments, job=names, worker=names, device=names, needs=counts),
        st.builds(Withdrawn, at=moments, job=names, worker=names, device=names),
        st.builds(Granted, at=moments, worker=names, device=names, epoch=counts, bytes=counts),
        st.builds(
            Freed,
            at=moments,
            worker=names,
            device=names,
            epoch=counts,
            mode=names,
            before=counts,
            after=counts,
            said_s=moments,
            seconds=moments,
        ),
        st.builds(
            HandedOver, at=moments, device=names, source=names, target=names, seconds=moments, bytes=counts
        ),
        st.builds(
            TaskBegan,
            at=moments,
            job=names,
            task=names,
            attempt=st.just(1),
            stage=names,
            worker=names,
            engine=names,
        ),
        st.builds(Phase, at=moments, task=names, attempt=st.just(1), worker=names, name=names),
        st.builds(TaskEnded, at=moments, task=names, attempt=st.just(1), worker=names),
    ),
    max_size=30,
)


@given(anything)
def test_whatever_is_in_a_journal_in_whatever_order_the_trace_is_valid(events: list[Event]) -> None:
    """Also events that make no sense together: a journal may begin and end anywhere."""
    header = Header(job="j", title="t", started=datetime.now(UTC), version="1", devices=[])
    checked(render(header, events))


def test_the_command_writes_a_file_once(tmp_path: Path) -> None:
    record(handed_over())
    out = tmp_path / "trace.json"
    assert avatar("trace", "1f0c", "-o", out).returncode == 0
    assert slices(checked(out.read_bytes()), "tts worker", "process") == [("process 11", 0.1, 4.1)]
    again = avatar("trace", "last", "-o", out)
    assert again.returncode == 2
    assert "Give --force" in again.stderr
    assert avatar("trace", "last", "-o", out, "--force").returncode == 0
    assert list(tmp_path.glob("*.json")) == [out]


def test_the_command_writes_to_stdout_and_nothing_else() -> None:
    record(handed_over())
    shown = avatar("trace", "last", "-o", "-")
    assert shown.returncode == 0
    assert checked(shown.stdout)
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trace"], "avatar trace last -o trace.json"),
        (["trace", "last"], "avatar trace last -o trace.json"),
        (["trace", "last", "--list"], "--list stands alone"),
        (["trace", "last", "-o", "-"], "No job has left a journal yet."),
        (["trace", "last", "-o", "out.txt"], "must end in .json"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(arguments: list[str], words: str) -> None:
    failed = avatar(*arguments)
    assert failed.returncode == 2
    assert words in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_the_list_says_of_each_job_when_how_long_and_how_it_ended() -> None:
    os.utime(record(crashed(), "1killed"), (3000, 3000))
    with Journal("2done", "run -o out.mp4") as done:
        pass
    os.utime(done.path, (2000, 2000))
    broken = done.path.with_name("3broken.jsonl")
    broken.write_text("{}\n")
    os.utime(broken, (1000, 1000))
    with Journal("0open", "stage tts -o out.wav"):
        lines = [line.split() for line in avatar("trace", "--list").stdout.splitlines()]
    assert [line[0] for line in lines] == ["0open", "1killed", "2done", "3broken"]
    assert lines[0][5:] == ["running", "stage", "tts", "-o", "out.wav"]
    assert lines[1][3:] == ["4.5", "s", "killed", "run", "-o", "out.mp4"]
    assert lines[2][5:] == ["done", "run", "-o", "out.mp4"]
    assert "Line 1 of the journal" in " ".join(lines[3])
