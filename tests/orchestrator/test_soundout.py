"""Speech goes to stdout while it is spoken, once, whatever happens to its worker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.soundout import SoundOut
from shared_schema.messages import Chunk
from shared_schema.stages import Stage


def piece(sequence: int, attempt: int = 1) -> Chunk:
    return Chunk("job-tts", attempt, "speech", sequence)


def written(capfdbinary: pytest.CaptureFixture[bytes]) -> bytes:
    return capfdbinary.readouterr().out


def test_pieces_arrive_in_order(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async def play() -> None:
        async with SoundOut(tmp_path) as sound:
            for number in range(100):
                sound.chunk(Stage.SPEECH, piece(number), bytes([number, 0]))

    asyncio.run(play())
    assert written(capfdbinary) == b"".join(bytes([number, 0]) for number in range(100))


def test_a_repeated_attempt_goes_on_where_the_dead_one_stopped(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    async def play() -> None:
        async with SoundOut(tmp_path) as sound:
            sound.chunk(Stage.SPEECH, piece(0), b"abcd")
            sound.chunk(Stage.SPEECH, piece(0, attempt=2), b"ab")
            sound.chunk(Stage.SPEECH, piece(1, attempt=2), b"cdef")
            sound.chunk(Stage.SPEECH, piece(2, attempt=2), b"gh")

    asyncio.run(play())
    assert written(capfdbinary) == b"abcdefgh"


def test_other_stages_are_not_sound(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async def play() -> None:
        async with SoundOut(tmp_path) as sound:
            sound.chunk(Stage.LIPSYNC, piece(0), b"video")

    asyncio.run(play())
    assert written(capfdbinary) == b""


def test_a_reader_that_went_away_is_a_broken_pipe(tmp_path: Path) -> None:
    code = """
import asyncio, os, sys
from pathlib import Path
from orchestrator.cli.soundout import SoundOut
from shared_schema.messages import Chunk
from shared_schema.stages import Stage

async def play():
    async with SoundOut(Path(sys.argv[1])) as sound:
        for number in range(64):
            sound.chunk(Stage.SPEECH, Chunk("j", 1, "speech", number), bytes(65536))

try:
    asyncio.run(play())
except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(7)
"""
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait() == 7
