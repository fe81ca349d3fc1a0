"""The lower bounds are as high as can be said without looking for the best order."""

from __future__ import annotations

import pytest

from orchestrator.gpu.profiles import Mode
from orchestrator.gpu.workload import Job
from orchestrator.gpu.yardstick import least_hand_overs, least_makespan
from shared_schema.stages import Stage

GB = 1_000_000_000
SPEECH, PORTRAIT, LIPSYNC = {Stage.SPEECH: 4.0}, {Stage.PORTRAIT: 9.0}, {Stage.LIPSYNC: 6.0}


def test_each_worker_that_is_needed_must_own_the_device_once() -> None:
    assert least_hand_overs([Job("a")], Mode.EXCLUSIVE, 24 * GB) == 2
    assert least_hand_overs([Job("a", 0.0, SPEECH), Job("b", 0.0, LIPSYNC)], Mode.EXCLUSIVE, 24 * GB) == 1
    assert least_hand_overs([Job("a", 0.0, SPEECH)], Mode.EXCLUSIVE, 24 * GB) == 0


@pytest.mark.parametrize(("memory", "least"), [(18.2, 0), (18.1, 1), (7.8, 1), (7.7, 2)])
def test_within_a_budget_those_stay_who_fit(memory: float, least: int) -> None:
    small = Job("small", 0.0, PORTRAIT, {Stage.PORTRAIT: 11.0})
    assert least_hand_overs([Job("a"), small], Mode.BUDGET, round(memory * GB)) == least


@pytest.mark.parametrize("mode", list(Mode))
def test_a_lone_task_takes_what_it_takes(mode: Mode) -> None:
    assert least_makespan([Job("a", 5.0, SPEECH)], mode) == pytest.approx(5 + 10 + 0.5 + 4)


def test_one_device_does_all_work_and_every_hand_over() -> None:
    jobs = [Job(str(number)) for number in range(3)]
    on, off = 0.5 + 1.7 + 0.5, 0.5 + 0.5
    assert least_makespan(jobs, Mode.EXCLUSIVE) == pytest.approx(10 + on + off + 3 * 19)


def test_several_workers_are_as_slow_as_the_slowest() -> None:
    jobs = [Job(str(number)) for number in range(3)]
    assert least_makespan(jobs, Mode.BUDGET) == pytest.approx(15 + 1.7 + 3 * 9)


def test_late_jobs_take_their_own_path_whatever_was_before() -> None:
    jobs = [Job("early"), Job("late", 100.0)]
    passages = 0.5 + 0.5 + 0.5 + 0.5
    assert least_makespan(jobs, Mode.EXCLUSIVE) == pytest.approx(100 + 19 + passages)
    assert least_makespan(jobs, Mode.BUDGET) == pytest.approx(100 + 9 + 6)
