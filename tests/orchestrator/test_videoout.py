"""Where a video goes: checked before any work, whole or not at all, nobody held up by a slow reader."""

from __future__ import annotations

import asyncio
import os
import threading
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import click
import pytest

from orchestrator.cli.outflow import Outflow
from orchestrator.cli.session import Session
from orchestrator.cli.videoout import VideoOut
from shared_schema.errors import InputError, OutputError
from shared_schema.messages import Chunk
from shared_schema.stages import Stage


@dataclass
class Folder:
    """In place of a job."""

    folder: Path


@dataclass
class Runner:
    """In place of a runner: `on_chunk` is what hears of pieces."""

    on_chunk: Any = None


@dataclass
class Stand:
    """In place of a session."""

    job: Folder
    runner: Runner = field(default_factory=Runner)

    def send(self, *pieces: bytes, stage: Stage = Stage.LIPSYNC) -> None:
        for number, piece in enumerate(pieces):
            self.runner.on_chunk(stage, Chunk("t", 1, "video", number), piece)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    (tmp_path / "job").mkdir()
    return Stand(Folder(tmp_path / "job"))


def take(out: VideoOut, stand: Stand, *pieces: bytes, error: BaseException | None = None) -> None:
    async def scenario() -> None:
        async with out.taking(cast("Session", stand)):
            stand.send(b"sound", stage=Stage.SPEECH)
            stand.send(*pieces)
            if error is not None:
                raise error

    asyncio.run(scenario())


@pytest.mark.parametrize("both", [False, True])
def test_one_place_must_be_given_and_not_two(both: bool, tmp_path: Path) -> None:
    given = tmp_path / "v.mp4" if both else None
    with pytest.raises(click.UsageError, match="one of -o and --stream"):
        VideoOut(given, given, force=False)


def test_a_terminal_is_no_place_for_a_video(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(InputError, match="which is this terminal"):
        VideoOut(None, Path("-"), force=False)


def test_a_place_that_cannot_be_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").touch()
    with pytest.raises(OutputError, match="exists already"):
        VideoOut(None, tmp_path / "v.mp4", force=False)
    with pytest.raises(OutputError, match=r"must end in \.mp4"):
        VideoOut(None, tmp_path / "v.avi", force=False)


def test_fragments_reach_the_file_in_order_and_other_stages_do_not(tmp_path: Path, stand: Stand) -> None:
    out = VideoOut(None, tmp_path / "v.mp4", force=False)
    take(out, stand, b"ab", b"", b"cd")
    assert (tmp_path / "v.mp4").read_bytes() == b"abcd"


def test_the_file_grows_while_the_video_is_made(tmp_path: Path, stand: Stand) -> None:
    out = VideoOut(None, tmp_path / "v.mp4", force=False)

    async def scenario() -> None:
        async with out.taking(cast("Session", stand)):
            stand.send(b"ab")
            while (tmp_path / "v.mp4").read_bytes() != b"ab":  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0)
            stand.send(b"cd")

    asyncio.run(asyncio.wait_for(scenario(), 10))
    assert (tmp_path / "v.mp4").read_bytes() == b"abcd"


def test_a_file_that_appeared_meanwhile_is_not_touched(tmp_path: Path, stand: Stand) -> None:
    out = VideoOut(None, tmp_path / "v.mp4", force=False)
    (tmp_path / "v.mp4").write_bytes(b"another's")
    with pytest.raises(OutputError, match="exists already"):
        take(out, stand, b"ab")
    assert (tmp_path / "v.mp4").read_bytes() == b"another's"


def test_with_force_a_file_is_replaced(tmp_path: Path, stand: Stand) -> None:
    (tmp_path / "v.mp4").write_bytes(b"longer than before")
    take(VideoOut(None, tmp_path / "v.mp4", force=True), stand, b"ab")
    assert (tmp_path / "v.mp4").read_bytes() == b"ab"


@pytest.mark.parametrize("error", [InputError("No."), KeyboardInterrupt()])
def test_a_run_that_fails_leaves_no_file(tmp_path: Path, stand: Stand, error: BaseException) -> None:
    with pytest.raises(type(error)):
        take(VideoOut(None, tmp_path / "v.mp4", force=False), stand, b"ab", error=error)
    assert not (tmp_path / "v.mp4").exists()


def test_stdout_gets_it_and_the_last_words_go_to_stderr(
    stand: Stand, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    out = VideoOut(None, Path("-"), force=False)
    take(out, stand, b"ab", b"cd")
    assert out.summary("done") == ""
    captured = capfdbinary.readouterr()
    assert (captured.out, captured.err) == (b"abcd", b"done\n")


def test_a_full_disk_ends_what_is_done_at_once(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)

    async def scenario() -> None:
        async with Outflow(tmp_path, full, "video") as out:
            out.put(b"ab")
            await asyncio.Event().wait()

    with pytest.raises(OutputError, match="The video could not be written: No space left on device"):
        asyncio.run(asyncio.wait_for(scenario(), 10))
    os.close(full)


def test_a_reader_that_went_away_ends_what_is_done_at_once(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    async def scenario() -> None:
        async with Outflow(tmp_path, writer, "video") as out:
            out.put(b"ab")
            await asyncio.Event().wait()

    with pytest.raises(BrokenPipeError):
        asyncio.run(asyncio.wait_for(scenario(), 10))
    os.close(writer)


def test_a_reader_that_reads_nothing_holds_up_nobody_and_takes_no_memory(tmp_path: Path) -> None:
    """Nor does it keep Ctrl-C from ending the command."""
    reader, writer = os.pipe()
    piece = bytes(1 << 20)

    async def scenario() -> None:
        async with Outflow(tmp_path, writer, "video") as out:
            tracemalloc.start()
            for _ in range(32):
                out.put(piece)
                await asyncio.sleep(0)
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert held < 3 << 20
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(scenario())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("asyncio")]
    os.close(reader)
    os.close(writer)


def test_a_slow_reader_gets_all_of_it_in_the_end(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    content = bytes(range(256)) * 4096
    got: list[bytes] = []

    def read() -> None:
        got.extend(iter(lambda: os.read(reader, 1000), b""))

    slow = threading.Thread(target=read)

    async def scenario() -> None:
        async with Outflow(tmp_path, writer, "video") as out:
            out.put(content)
            slow.start()

    asyncio.run(scenario())
    os.close(writer)
    slow.join(10)
    os.close(reader)
    assert b"".join(got) == content
