"""A live input: spooled on disk, read by several at their own pace, waited for without falling silent."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared_schema.engine import Context
from shared_schema.errors import Cancelled, InputError, OutputError, ProtocolError
from shared_schema.feed import Feed, Reader
from shared_schema.feeds import Feeds
from shared_schema.messages import Chunk, Task
from shared_schema.stages import LipsyncParams, Stage


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    made = Feed(tmp_path)
    yield made
    made.discard()


@pytest.fixture
def threads() -> Iterator[Callable[[Callable[[], None]], None]]:
    """`threads(function)` runs it beside the test."""
    started: list[threading.Thread] = []

    def start(function: Callable[[], None]) -> None:
        started.append(threading.Thread(target=function))
        started[-1].start()

    yield start
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()


def all_of(reader: Reader, most: int = 7) -> bytes:
    return b"".join(iter(lambda: reader.read(most) or b"", b""))


def task_of(folder: Path, name: str = "t", attempt: int = 1) -> Task:
    return Task(name, attempt, Stage.LIPSYNC, "x", str(folder), {}, LipsyncParams(), live=["speech"])


def test_each_reader_hears_all_of_it_at_its_own_pace(feed: Feed) -> None:
    slow, fast = feed.reader(), feed.reader()
    feed.append(b"abcdef")
    assert fast.read(100) == b"abcdef"
    assert slow.read(2) == b"ab"
    feed.append(b"gh")
    feed.close()
    assert all_of(fast) == b"gh"
    assert all_of(slow, 3) == b"cdefgh"
    assert all_of(feed.reader()) == b"abcdefgh"


def test_who_waits_gets_what_comes_as_soon_as_it_comes(
    feed: Feed, threads: Callable[[Callable[[], None]], None]
) -> None:
    waits = threading.Event()
    reader = feed.reader(waits.set)

    def append_when_somebody_waits() -> None:
        waits.wait(10)
        feed.append(b"late")

    threads(append_when_somebody_waits)
    assert reader.read(100) == b"late"


def test_nothing_within_its_patience_is_none_and_the_end_is_empty(feed: Feed) -> None:
    reader = feed.reader()
    assert reader.read(1, patience=0.01) is None
    feed.close()
    assert reader.read(1, patience=0.01) == b""


def test_the_end_wakes_who_waits(feed: Feed, threads: Callable[[Callable[[], None]], None]) -> None:
    waits = threading.Event()
    reader = feed.reader(waits.set)

    def close_when_somebody_waits() -> None:
        waits.wait(10)
        feed.close()

    threads(close_when_somebody_waits)
    assert reader.read(1) == b""


def test_what_comes_after_the_end_is_not_taken(feed: Feed) -> None:
    feed.append(b"a")
    feed.close()
    feed.append(b"b")
    assert all_of(feed.reader()) == b"a"


def test_a_wait_ends_with_what_its_call_raises(feed: Feed) -> None:
    def stop() -> None:
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled, match="Enough"):
        feed.reader(stop).read(1)


def test_a_failure_is_raised_even_before_what_is_unread(feed: Feed) -> None:
    feed.append(b"abc")
    feed.fail(ProtocolError("Chunk 7 arrived in place of 3."))
    with pytest.raises(ProtocolError, match="in place of 3"):
        feed.reader().read(1)


def test_what_waits_has_no_name_and_takes_no_memory(feed: Feed, tmp_path: Path) -> None:
    piece = bytes(1 << 20)
    tracemalloc.start()
    for _ in range(32):
        feed.append(piece)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1 << 20
    assert feed.size == 32 << 20
    assert list(tmp_path.iterdir()) == []


def test_after_its_end_the_disk_is_given_back(tmp_path: Path) -> None:
    def held() -> list[str]:
        links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        return [str(link) for link in links if str(tmp_path) in str(link)]

    feed = Feed(tmp_path)
    feed.append(b"a")
    assert len(held()) == 1
    feed.discard()
    assert held() == []


def test_where_nothing_can_be_kept_the_reader_hears_it_and_not_who_appends(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "gone")
    feed.append(b"abc")
    with pytest.raises(OutputError, match="could not be kept"):
        feed.reader().read(1)


def test_a_full_disk_is_one_clear_sentence(feed: Feed) -> None:
    feed.append(b"a")
    assert feed._file is not None
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, feed._file.fileno())
    os.close(full)
    feed.append(b"b")
    with pytest.raises(OutputError, match="disk is full"):
        feed.reader().read(1)


def test_chunks_go_to_the_feed_of_their_attempt_and_others_are_dropped(tmp_path: Path) -> None:
    feeds, task = Feeds(), task_of(tmp_path, attempt=2)
    feeds.open(task)
    feed = feeds.of(task)["speech"]
    feeds.take(Chunk("t", 1, "speech", 0), b"old")
    feeds.take(Chunk("u", 2, "speech", 0), b"another")
    feeds.take(Chunk("t", 2, "music", 0), b"other")
    feeds.take(Chunk("t", 2, "speech", 0), b"ab")
    feeds.take(Chunk("t", 2, "speech", 1, last=True), b"cd")
    assert all_of(feed.reader()) == b"abcd"
    feeds.discard(task)
    feeds.take(Chunk("t", 2, "speech", 2), b"late")
    assert feeds.of(task) == {}
    assert feed.size == 4


@pytest.mark.parametrize("sequence", [0, 2])
def test_a_chunk_out_of_order_fails_the_feed(tmp_path: Path, sequence: int) -> None:
    feeds, task = Feeds(), task_of(tmp_path)
    feeds.open(task)
    feeds.take(Chunk("t", 1, "speech", 0), b"ab")
    feeds.take(Chunk("t", 1, "speech", sequence), b"cd")
    with pytest.raises(ProtocolError, match=f"Chunk {sequence} of speech arrived in place of 1"):
        feeds.of(task)["speech"].reader().read(1)
    feeds.discard(task)


def test_an_engine_that_waits_beats_and_notices_that_it_was_cancelled(tmp_path: Path) -> None:
    feeds, task = Feeds(), task_of(tmp_path)
    feeds.open(task)
    beats: list[str] = []
    cancelled = threading.Event()

    def beat(phase: str) -> None:
        beats.append(phase)
        if len(beats) == 3:
            cancelled.set()

    context = Context(task, beat=beat, feeds=feeds.of(task), cancelled=cancelled)
    with pytest.raises(Cancelled):
        context.live("speech").reader().read(1)
    assert beats == ["waiting for speech"] * 3
    feeds.discard(task)


def test_a_live_input_that_nobody_sends_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a live speech"):
        Context(task_of(tmp_path)).live("speech")
