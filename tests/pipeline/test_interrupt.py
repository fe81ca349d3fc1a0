"""Ctrl-C at any time: status 130, no orphan, no half file."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.conftest import AVATAR, PATIENCE, Home

LONG_TEXT = "The quick brown fox jumps over the lazy dog, and then it does so again. " * 400


@pytest.mark.parametrize("moment", ["", "portrait", "tts", "lipsync"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_with_nothing_left(
    moment: str, number: signal.Signals, status: int, home: Home, tmp_path: Path
) -> None:
    """`moment` is the stage whose first line is waited for; empty: before any."""
    process = subprocess.Popen(
        [AVATAR, "run", "--text", LONG_TEXT, "-o", tmp_path / "out.mp4"],
        env=home.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        while moment and not process.stderr.readline().startswith(moment):
            assert process.poll() is None
        process.send_signal(number)
        _, rest = process.communicate(timeout=PATIENCE)
    assert process.returncode in (status, -number)
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_a_second_ctrl_c_ends_it_at_once_and_still_leaves_no_process(home: Home, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [AVATAR, "run", "--text", LONG_TEXT, "-o", tmp_path / "out.mp4"],
        env=home.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("lipsync"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode in (130, -signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_in_the_foreground_runs_until_ctrl_c(home: Home) -> None:
    process = subprocess.Popen(
        [AVATAR, "worker", "tts"],
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert "hibari" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in rest
