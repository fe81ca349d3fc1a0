"""A job's journal: every event is kept, whatever ends the job, and no disk's trouble ends it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import journal
from orchestrator.journal import Journal
from shared_schema.errors import InputError, WorkerCrashed
from tests.support.happenings import GPU, crashed, handed_over

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal
from orchestrator.journal import Journal
from tests.support.happenings import handed_over

journal = Journal("killed", "run")
for event in handed_over():
    journal(event)
os.kill(os.getpid(), signal.SIGKILL)
"""


def write(job: str, at: int = 0) -> Path:
    """A short journal, last changed at `at`."""
    with Journal(job, "run -o out.mp4", [GPU]) as listener:
        for event in handed_over():
            listener(event)
    if at:
        os.utime(listener.path, (at, at))
    return listener.path


def test_what_was_written_is_read(home: Path) -> None:
    path = write("1f0c")
    header, events = journal.read(path)
    assert path == home / "state/journals/1f0c.jsonl"
    assert (header.job, header.title, header.devices) == ("1f0c", "run -o out.mp4", [GPU])
    assert events == handed_over()


def test_it_is_private() -> None:
    path = write("1f0c")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_each_event_is_on_disk_at_once() -> None:
    with Journal("1f0c", "run") as listener:
        for number, event in enumerate(handed_over(), 1):
            listener(event)
            assert journal.read(listener.path)[1] == handed_over()[:number]


def test_a_torn_last_line_costs_one_event() -> None:
    path = write("1f0c")
    *whole, _ending, _ = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(whole)[:-1])
    assert journal.read(path)[1] == handed_over()[:-1]
    assert journal.ending(path) is None


def test_a_torn_header_is_an_error_that_says_so() -> None:
    path = write("1f0c")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="is empty"):
        journal.read(path)


@pytest.mark.parametrize(
    "line", [b'{"event":"danced","at":1.0}', b'{"event":"ended","at":1.0}', b"\xff\xfe", b"[]"]
)
def test_a_line_that_is_not_understood_is_named(line: bytes) -> None:
    path = write("1f0c")
    first, *rest = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([first, line, *rest]))
    with pytest.raises(InputError, match="Line 2 of the journal"):
        journal.read(path)


def test_events_without_a_header_are_no_journal() -> None:
    path = write("1f0c")
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    with pytest.raises(InputError, match="does not begin with a header"):
        journal.read(path)


def test_it_says_how_the_job_ended() -> None:
    done = journal.ending(write("1f0c"))
    assert done is not None
    assert done.outcome == "done"
    for error, outcome in (
        (WorkerCrashed("It died."), "worker-crashed"),
        (KeyboardInterrupt(), "cancelled"),
        (ValueError("a bug"), "internal"),
    ):
        with pytest.raises(type(error)), Journal("2f0c", "run") as listener:
            raise error
        ended = journal.ending(listener.path)
        assert ended is not None
        assert ended.outcome == outcome


def test_a_killed_job_leaves_all_it_had_written(home: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, check=False, timeout=60)
    path = journal.find("killed")
    assert journal.read(path)[1] == handed_over()
    assert journal.ending(path) is None
    assert not journal.is_running(path)


def test_a_journal_is_running_while_it_is_open() -> None:
    with Journal("1f0c", "run") as listener:
        assert journal.is_running(listener.path)
    assert not journal.is_running(listener.path)


def test_it_is_found_by_its_id_by_the_beginning_of_one_and_as_the_last() -> None:
    old, new = write("1f0c", at=1000), write("1f0cdd", at=2000)
    third = write("2b", at=1500)
    assert journal.find("1f0c") == old
    assert journal.find("1f0cd") == journal.find("last") == new
    assert journal.find("2") == third


def test_who_asks_for_another_hears_which_there_are() -> None:
    with pytest.raises(InputError, match="No job has left a journal yet"):
        journal.find("last")
    write("1f0c", at=1000)
    write("1fff", at=2000)
    with pytest.raises(InputError, match=r"No job '\.\./1f0c' has left a journal\. .*1fff, 1f0c"):
        journal.find("../1f0c")
    with pytest.raises(InputError, match="Several jobs begin with 1f"):
        journal.find("1f")
    with pytest.raises(InputError, match="No job ''"):
        journal.find("")


def test_the_newest_are_kept() -> None:
    for number in range(journal.KEPT):
        write(f"job-{number}", at=1000 + number)
    assert len(journal.newest()) == journal.KEPT
    write("one-more")
    kept = {path.stem for path in journal.newest()}
    assert len(kept) == journal.KEPT
    assert "one-more" in kept
    assert "job-0" not in kept


def test_a_place_that_cannot_be_written_is_said_once(home: Path) -> None:
    home.mkdir()
    (home / "state").write_text("This is no folder.")
    warnings: list[str] = []
    with Journal("1f0c", "run", warn=warnings.append) as listener:
        for event in crashed():
            listener(event)
    assert len(warnings) == 1
    assert "The job goes on without it" in warnings[0]


def test_a_full_disk_is_said_once_and_what_is_whole_can_be_read() -> None:
    """The limit on a file's size stands for the disk's end: write(2) takes a part, then nothing."""
    warnings: list[str] = []
    listener = Journal("1f0c", "run", warn=warnings.append)
    listener(handed_over()[0])
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (listener.path.stat().st_size + 10, usual[1]))
    try:
        for event in handed_over()[1:]:
            listener(event)
        listener.close("done")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert len(warnings) == 1
    assert journal.read(listener.path)[1] == handed_over()[:1]
