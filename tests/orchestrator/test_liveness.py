"""When a worker counts as hung: judged by progress, by phase, and not by our own sleep."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.liveness import Deadlines, Liveness
from shared_schema.messages import Pong

DEADLINES = Deadlines(starting=50, loading=40, running=30, releasing=20, idle=10, ping_interval=1)


class Watched:
    """A worker's liveness on a clock that moves only while it is watched. `happens` by second."""

    def __init__(
        self, happens: dict[int, Pong | str] | None = None, *, lapse: dict[int, float] | None = None
    ) -> None:
        self.now = 0.0
        self.pings: list[int] = []
        self.deadline = 0.0
        self._happens = happens or {}
        self._lapse = lapse or {}
        self.liveness = Liveness(DEADLINES, self._ping, self._hung, lambda: self.now, self._sleep)

    async def _ping(self, number: int) -> None:
        self.pings.append(number)

    async def _hung(self, deadline: float) -> None:
        self.deadline = deadline

    async def _sleep(self, seconds: float) -> None:
        event = self._happens.get(round(self.now))
        if isinstance(event, Pong):
            self.liveness.hear(event)
        elif event is not None:
            self.liveness.occupied = event != "idle"
            self.liveness.sign(event)
        self.now += seconds + self._lapse.pop(round(self.now), 0)

    def end(self) -> float:
        asyncio.run(self.liveness.watch())
        return self.now


@pytest.mark.parametrize(
    ("phase", "deadline"),
    [
        ("starting", 50),
        ("loading xtts", 40),
        ("waiting", 30),
        ("starting xtts", 30),
        ("speaking", 30),
        ("releasing", 20),
        ("idle", 10),
    ],
)
def test_each_phase_has_its_deadline(phase: str, deadline: float) -> None:
    watched = Watched({0: phase})
    assert watched.end() == deadline + 1
    assert watched.deadline == deadline


def test_one_that_starts_is_not_pinged() -> None:
    watched = Watched({5: "idle"})
    watched.end()
    assert watched.pings == list(range(1, 11))


def test_beats_are_progress_and_pongs_without_one_are_not() -> None:
    beats = {second: Pong(1, "speaking", min(second, 25)) for second in range(1, 200)}
    assert Watched({0: "waiting", **beats}).end() == 25 + 30 + 1


def test_to_be_idle_is_progress_only_where_nothing_is_to_be_done() -> None:
    idle = {second: Pong(1, "idle", 1) for second in range(2, 100)}
    assert Watched({0: "idle", **idle}).end() == 99 + 10 + 1
    assert Watched({0: "waiting", 1: Pong(1, "idle", 1), **idle}).end() == 1 + 30 + 1


def test_time_in_which_we_were_stopped_ourselves_does_not_count() -> None:
    assert Watched({0: "idle"}, lapse={4: 1000}).end() == pytest.approx(1000 + 10, abs=2)
