"""The progress of set-up: a live bar on a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io
import re

import pytest

from orchestrator.progress import SetupProgress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def frames(self) -> list[str]:
        """What stood on the live line, one state after another."""
        return [re.sub(r", \d+ s", "", frame) for frame in self.getvalue().split("\r\x1b[2K")]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_the_bar_moves_with_the_bytes_that_arrive() -> None:
    stream = Terminal()
    with SetupProgress(2, stream) as progress:
        progress.say("tts: 2 packages")
        progress.hear("Downloading torch (3.0GiB)\n")
        progress.hear("Downloading numpy (1.0GiB)\n")
        progress.hear(" Downloaded numpy\n")
        progress.hear(" Downloaded torch\n")
        progress.finish_one()
    assert stream.frames[1:-1] == [
        "[--------------------] 0/2 tts: 2 packages",
        "[--------------------] 0/2 tts: 2 packages, fetching torch 3072.0 MiB",
        "[--------------------] 0/2 tts: 2 packages, fetching torch 3072.0 MiB and 1 more",
        "[##------------------] 0/2 tts: 2 packages, fetching torch 3072.0 MiB",
        "[##########----------] 0/2 tts: 2 packages",
        "[##########----------] 1/2 tts: 2 packages",
    ]


def test_a_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    with SetupProgress(1, stream) as progress:
        progress.say("tts: " + "long " * 20)
    assert len(stream.getvalue().split("\r\x1b[2K")[1]) == 29


def test_the_live_line_is_gone_at_the_end_also_after_a_failure() -> None:
    stream = Terminal()
    with pytest.raises(ValueError, match="broken"), SetupProgress(1, stream) as progress:  # noqa: PT012
        progress.say("tts")
        raise ValueError("broken")
    assert stream.getvalue().endswith("\r\x1b[2K")
    assert "Ready" not in stream.getvalue()


def test_elsewhere_each_step_is_a_line() -> None:
    stream = io.StringIO()
    with SetupProgress(2, stream) as progress:
        for name in ("tts", "vision"):
            progress.note("of no interest afterwards")
            progress.say(f"{name}: 3 packages")
            progress.hear("Downloading numpy (16.0MiB)\n")
            progress.finish_one()
    first, *steps, last = stream.getvalue().splitlines()
    assert first.startswith("Setting up 2 environments")
    assert steps == ["[1/2] tts: 3 packages", "[2/2] vision: 3 packages"]
    assert last.startswith("Ready after")


def test_quiet_is_quiet() -> None:
    stream = Terminal()
    with SetupProgress(1, stream, quiet=True) as progress:
        progress.say("tts")
        progress.hear("Downloading numpy (16.0MiB)\n")
        progress.finish_one()
    assert stream.getvalue() == ""
