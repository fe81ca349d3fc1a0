"""How often and how soon a worker is started again, on a clock that only sleeping moves."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.restarts import RestartPolicy, Restarts
from shared_schema.errors import RestartLimit, WorkerCrashed

CRASH = WorkerCrashed("The tts worker was killed by SIGSEGV.", "Its log is here.", traceback="last words")


class Bench:
    """Restarts whose clock is `now`; `rests` are the pauses that were made."""

    def __init__(self, **settings: object) -> None:
        self.now = 100.0
        self.rests: list[float] = []
        policy = RestartPolicy(clock=lambda: self.now, sleep=self._sleep, **settings)  # type: ignore[arg-type]
        self._restarts = Restarts(policy)

    async def _sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    def admit(self, worker: str = "tts", failure: WorkerCrashed | None = CRASH) -> None:
        asyncio.run(self._restarts.admit(worker, failure))


def test_a_first_start_and_one_after_a_wanted_end_are_free() -> None:
    bench = Bench()
    for _ in range(20):
        bench.admit(failure=None)
    assert bench.rests == []


def test_the_first_restart_is_immediate_and_each_further_one_waits_longer() -> None:
    bench = Bench()
    for _ in range(5):
        bench.admit()
    assert bench.rests == [0.1, 0.5, 2.0, 5.0]


def test_the_sixth_restart_within_a_minute_is_refused_with_the_last_failure() -> None:
    bench = Bench()
    for _ in range(5):
        bench.admit()
    with pytest.raises(RestartLimit) as caught:
        bench.admit()
    assert "restarted 5 times within 60 s" in caught.value.message
    assert "killed by SIGSEGV" in caught.value.message
    assert "again in 52 s" in caught.value.hint
    assert "Its log is here." in caught.value.hint
    assert caught.value.traceback == "last words"


def test_it_is_allowed_again_when_the_window_has_passed() -> None:
    bench = Bench(pauses=(0.0,))
    for second in range(100, 105):
        bench.now = second
        bench.admit()
    bench.now = 159.9
    with pytest.raises(RestartLimit):
        bench.admit()
    bench.now = 160.0
    bench.admit()
    with pytest.raises(RestartLimit):  # the second restart was later than the first
        bench.admit()


def test_a_refusal_does_not_put_off_the_next_start() -> None:
    bench = Bench(pauses=(0.0,))
    for _ in range(5):
        bench.admit()
    for second in range(101, 160):
        bench.now = second
        with pytest.raises(RestartLimit):
            bench.admit()
    bench.now = 160
    bench.admit()


def test_workers_are_counted_one_by_one() -> None:
    bench = Bench()
    for _ in range(5):
        bench.admit("tts")
    bench.admit("vision")
    with pytest.raises(RestartLimit):
        bench.admit("tts")
