"""What a person sees of devices and workers while stages run."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from collections.abc import Iterable

import pytest

from orchestrator.cli.display import LiveDisplay, PlainDisplay, SilentDisplay
from orchestrator.cli.news import News
from orchestrator.gpu.device import HOST
from orchestrator.gpu.events import (
    Ended,
    Event,
    Freed,
    Granted,
    HandedOver,
    Started,
    TaskEnded,
    Waiting,
    Withdrawn,
)
from orchestrator.words import duration, size
from shared_schema.messages import EngineInfo
from shared_schema.stages import Stage
from tests.support.happenings import GB, began, crashed, handed_over

HANDOVER = "GPU: tts -> lipsync 0.4 s, 6.9 GB"
ENGINE = EngineInfo("neural", Stage.LIPSYNC, "1.0", "Draws.", ready=True)
WAIT = Waiting(at=0.0, job="job", worker="lipsync", device="GPU-1", needs=4 * GB)


def heard(events: Iterable[Event], *, lasting: float = 3600.0, seconds: float = 0.0) -> list[str]:
    """The lines that are said of events, and of the `seconds` after them."""
    lines: list[str] = []

    async def listen() -> None:
        news = News(lines.append, lasting=lasting)
        for event in events:
            news.hear(event)
        await asyncio.sleep(seconds)
        news.close()

    asyncio.run(listen())
    return lines


def shown(display: SilentDisplay, events: Iterable[Event]) -> None:
    async def listen() -> None:
        with display:
            display.chosen(Stage.LIPSYNC, ENGINE, "the only one")
            for event in events:
                display.happened(event)

    asyncio.run(listen())


def test_a_hand_over_is_one_line() -> None:
    assert heard(handed_over()) == [HANDOVER]


def test_host_memory_is_called_ram() -> None:
    event = HandedOver(at=0.0, device=HOST, source="tts", target="vision", seconds=12.34, bytes=35_400_000)
    assert heard([event]) == ["RAM: tts -> vision 12 s, 35 MB"]


def test_memory_that_comes_back_after_a_death_is_news_but_the_death_is_not_told_twice() -> None:
    """Whoever runs the task says why its worker died."""
    assert heard(crashed()) == ["GPU: the process of lipsync is gone; 6.0 GB came back after 0.4 s"]


STARTED = Started(at=0.0, worker="tts", pid=1, device="GPU-1")
DIED = Ended(at=2.0, worker="tts", pid=1, why="The tts worker was killed.")


@pytest.mark.parametrize(
    "before",
    [[], [began(0.0, "tts"), TaskEnded(at=1.0, task="job-tts", attempt=1, worker="tts")]],
    ids=["new", "after a task"],
)
def test_the_death_of_an_idle_worker_is_told(before: list[Event]) -> None:
    assert heard([STARTED, *before, DIED]) == ["The tts worker was killed."]


def test_a_death_while_starting_is_told_by_whoever_starts_it() -> None:
    assert heard([DIED]) == []


def test_an_end_that_was_asked_for_is_no_news() -> None:
    assert heard([STARTED, Ended(at=2.0, worker="tts", pid=1)]) == []


def test_waiting_for_other_programs_is_told_when_it_lasts() -> None:
    line = "GPU: lipsync waits for 4.0 GB; other programs hold the GPU"
    assert heard([WAIT], lasting=0.01, seconds=0.05) == [line]
    assert heard([WAIT], seconds=0.01) == []


def test_who_gave_up_waiting_is_no_news() -> None:
    gave_up = Withdrawn(at=0.1, job=WAIT.job, worker=WAIT.worker, device=WAIT.device)
    assert heard([WAIT, gave_up], lasting=0.01, seconds=0.05) == []


def test_waiting_for_one_of_ours_is_not_told_until_it_has_let_go() -> None:
    owned: list[Event] = [Granted(at=0.0, worker="tts", device="GPU-1", epoch=1, bytes=GB), WAIT]
    freed = Freed(
        at=1.0,
        worker="tts",
        device="GPU-1",
        epoch=1,
        mode="offload",
        before=GB,
        after=0,
        said_s=0.1,
        seconds=0.2,
    )
    assert heard(owned, lasting=0.01, seconds=0.05) == []
    assert len(heard([*owned, freed], lasting=0.01, seconds=0.05)) == 1
    assert heard([*owned, freed, began(2.0, "lipsync")], lasting=0.01, seconds=0.05) == []


def test_for_pipes_the_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    shown(PlainDisplay(), handed_over())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[1:] == [HANDOVER]


def test_for_json_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shown(SilentDisplay(), handed_over())
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(events: Iterable[Event], monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal of 80 columns is given, without the codes that colour it."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with contextlib.redirect_stderr(Terminal()) as stream:
        shown(LiveDisplay(), events)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_on_a_terminal_the_line_stands_above_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HANDOVER in on_a_terminal(handed_over(), monkeypatch).splitlines()


def test_on_a_terminal_a_stage_that_waits_says_so_in_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.search(r"lipsync +waits for GPU", on_a_terminal([WAIT], monkeypatch))


def test_on_a_terminal_a_stage_that_begins_anew_has_one_bar() -> None:
    display = LiveDisplay()
    display.chosen(Stage.LIPSYNC, ENGINE, "the only one")
    display.chosen(Stage.LIPSYNC, ENGINE, "the only one")
    assert len(display._bars.tasks) == 1


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 MB"), (999_499_999, "999 MB"), (999_500_000, "1.0 GB"), (6_900_000_000, "6.9 GB")],
)
def test_bytes_are_said_in_decimal_units(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-0.1, "0 ms"),
        (0.0461, "46 ms"),
        (0.096, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_hours_need_no_seconds() -> None:
    assert duration(7453) == "2 h 4 min"
