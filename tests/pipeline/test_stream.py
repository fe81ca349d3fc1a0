"""`--stream`: a video that plays while it is made, through a real pipe and into a file that grows."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import AVATAR, PATIENCE, ROOT, Home, Talk

LIPSYNC_PYTHON = ROOT / "envs/lipsync/.venv/bin/python"
LONG_TEXT = "The quick brown fox jumps over the lazy dog, and then it does so again. " * 30
COUNT = "import av, sys; print(sum(1 for _ in av.open(sys.argv[1]).decode(video=0)))"


def boxes(data: bytes) -> list[str]:
    """The kinds of the whole boxes at the top (ISO/IEC 14496-12, 4.2)."""
    kinds, start = [], 0
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        if start + size > len(data):
            break
        kinds.append(kind.decode())
        start += size
    return kinds


def pictures_in(video: Path) -> int:
    """How many pictures a decoder finds."""
    counted = subprocess.run([LIPSYNC_PYTHON, "-c", COUNT, video], capture_output=True, check=True, text=True)
    return int(counted.stdout)


@pytest.fixture
def streaming(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """A long video on its way into a pipe that nobody reads yet."""
    process = subprocess.Popen(
        [AVATAR, "run", "--text", LONG_TEXT, "--stream", "-"],
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        yield process
        process.kill()


def test_the_first_fragment_plays_while_the_rest_is_made(
    streaming: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert streaming.stdout is not None
    start = b""
    while boxes(start).count("mdat") < 2:
        piece = os.read(streaming.stdout.fileno(), 65536)
        assert piece
        start += piece
    assert streaming.poll() is None
    assert boxes(start)[:6] == ["ftyp", "moov", "moof", "mdat", "moof", "mdat"]
    (tmp_path / "start.mp4").write_bytes(start)
    assert pictures_in(tmp_path / "start.mp4") >= 24
    streaming.send_signal(signal.SIGINT)
    streaming.communicate(timeout=PATIENCE)
    assert streaming.returncode == 130


def test_a_reader_that_has_enough_ends_it(streaming: subprocess.Popen[bytes]) -> None:
    assert streaming.stdout is not None
    assert os.read(streaming.stdout.fileno(), 1000)[4:8] == b"ftyp"
    streaming.stdout.close()
    assert streaming.stderr is not None
    told = streaming.stderr.read()
    assert streaming.wait(PATIENCE) == 1
    assert b"Traceback" not in told


def test_it_can_be_ended_while_its_reader_reads_nothing(streaming: subprocess.Popen[bytes]) -> None:
    assert streaming.stdout is not None
    assert os.read(streaming.stdout.fileno(), 1)  # from now on the pipe fills up
    streaming.send_signal(signal.SIGTERM)
    assert streaming.wait(PATIENCE) == 143


def test_a_stage_alone_streams_into_a_file_what_it_would_write(
    home: Home, talk: Talk, tmp_path: Path
) -> None:
    made = home.run("stage", "lipsync", "--speech", talk.speech, "--stream", tmp_path / "v.mp4")
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1] == str(tmp_path / "v.mp4")
    assert boxes((tmp_path / "v.mp4").read_bytes())[:4] == ["ftyp", "moov", "moof", "mdat"]
    assert pictures_in(tmp_path / "v.mp4") == pictures_in(talk.video)


def test_both_places_or_none_are_refused_in_one_line(home: Home, tmp_path: Path) -> None:
    for places in ([], ["-o", tmp_path / "a.mp4", "--stream", tmp_path / "b.mp4"]):
        refused = home.run("run", *places)
        assert refused.returncode == 2
        assert "Give one of -o and --stream" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
