"""Virtual time goes as a device's would: worked out by hand, and held for any jobs."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.gpu.judgement import judge
from orchestrator.gpu.plan import Plan, Ticket
from orchestrator.gpu.profiles import Mode
from orchestrator.gpu.simulator import Course, Done, lease_of, simulate
from orchestrator.gpu.workload import INPUTS, Job, peak
from orchestrator.gpu.yardstick import FirstCome, least_hand_overs, least_makespan
from shared_schema.errors import InputError
from shared_schema.stages import Stage

GB = 1_000_000_000
BOUND = 4
TICK = 1e-6


def usual(count: int, apart: float = 0.0) -> list[Job]:
    return [Job(str(number), number * apart) for number in range(count)]


def course(
    jobs: list[Job], mode: Mode = Mode.EXCLUSIVE, memory: float = 24, plan: Plan | None = None
) -> Course:
    return simulate(jobs, lease_of(jobs, mode, round(memory * GB), plan))


def test_a_lone_speech_task_costs_its_weights_its_way_and_its_seconds() -> None:
    went = course([Job("a", 5.0, {Stage.SPEECH: 4.0})])
    assert went.makespan == pytest.approx(5 + 10 + 0.5 + 4)
    assert went.finish_times == [pytest.approx(14.5)]
    assert went.hand_overs == 0


def test_three_jobs_at_once_cost_two_hand_overs() -> None:
    went = course(usual(3))
    assert went.hand_overs == 2
    # tts reads, comes on, works, goes; vision, read meanwhile, comes, works, goes; so does lipsync.
    assert went.makespan == pytest.approx((10 + 0.5 + 12 + 0.5) + (1.7 + 27 + 1.7) + (0.5 + 18))
    assert [(turn.worker, turn.tasks, turn.seconds) for turn in went.tenures] == [
        ("tts", 3, 12.0),
        ("vision", 3, 27.0),
        ("lipsync", 3, 18.0),
    ]
    assert [turn.at for turn in went.tenures] == pytest.approx([0.0, 23.0, 53.4])
    assert went.longest_wait == 1


def test_first_come_first_served_goes_to_and_fro() -> None:
    went = course(usual(3), plan=FirstCome())
    assert [turn.worker for turn in went.tenures] == ["tts", "vision"] * 3 + ["lipsync"]
    assert went.hand_overs == 6
    speech, portrait = 0.5 + 4 + 0.5, 1.7 + 9 + 1.7
    assert went.makespan == pytest.approx(10 + 3 * (speech + portrait) + 0.5 + 18)


def test_a_hundred_jobs_cost_two_hand_overs_where_first_come_costs_two_hundred() -> None:
    assert course(usual(100)).hand_overs == 2
    assert course(usual(100), plan=FirstCome()).hand_overs == 200


def test_first_come_starts_in_the_order_of_readiness() -> None:
    began = sorted(course(usual(9, apart=11.0), plan=FirstCome()).tasks, key=lambda task: task.began)
    assert [task.ready for task in began] == sorted(task.ready for task in began)


def test_speech_and_portrait_overlap_where_both_fit() -> None:
    went = course(usual(1), Mode.BUDGET, 16)
    speech, portrait = went.tasks[0], went.tasks[1]
    assert speech.stage is Stage.SPEECH
    assert [speech.began, portrait.began] == pytest.approx([10.5, 16.7])
    longer = Job("long", 0.0, {Stage.SPEECH: 40.0, Stage.PORTRAIT: 9.0})
    beside = {task.stage: task for task in course([longer], Mode.BUDGET, 16).tasks}
    assert beside[Stage.PORTRAIT].ended < beside[Stage.SPEECH].ended


def test_what_fits_together_needs_no_hand_over() -> None:
    assert course(usual(20), Mode.BUDGET, 18.3).hand_overs == 0
    assert course(usual(20), Mode.BUDGET, 16).hand_overs == 1


def test_where_contexts_are_in_the_way_processes_end_and_read_their_weights_again() -> None:
    jobs = [
        Job("a", 0.0, {Stage.SPEECH: 4.0}),
        Job("b", 0.0, {Stage.PORTRAIT: 9.0}),
        Job("c", 100.0, {Stage.SPEECH: 4.0}),
    ]
    assert course(jobs).makespan == pytest.approx(100 + 1.7 + 0.5 + 4)
    assert course(jobs, memory=10.5).makespan == pytest.approx(100 + 10 + 0.5 + 4)


def test_more_than_the_device_has_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"Job '0' needs 10\.4 GB for portrait; the simulated GPU has 8\.0 GB"
    ):
        course(usual(1), memory=8)


def test_without_a_size_the_device_holds_the_largest_peak() -> None:
    assert judge(usual(1)).memory == 24 * GB
    assert judge([Job("a", gb={Stage.PORTRAIT: 40.0})]).memory == 41 * GB


STAGES = st.dictionaries(st.sampled_from(list(Stage)), st.floats(0, 20), min_size=1)
SIZES = st.dictionaries(st.sampled_from(list(Stage)), st.floats(1, 12))
JOBS = st.lists(st.tuples(st.floats(0, 60), STAGES, SIZES), min_size=1, max_size=12).map(
    lambda drawn: [Job(str(number), *parts) for number, parts in enumerate(drawn)]
)
CASE = {
    "jobs": JOBS,
    "mode": st.sampled_from(list(Mode)),
    "memory": st.floats(12, 25),
    "late": st.integers(0, 3),
}


@given(**CASE, first_come=st.booleans())
@settings(deadline=None, max_examples=150)
def test_every_job_is_done_and_no_rule_of_the_device_is_broken(
    jobs: list[Job], mode: Mode, memory: float, late: int, first_come: bool
) -> None:
    went = course(jobs, mode, memory, FirstCome() if first_come else Plan(BOUND, late))
    tasks = {(task.job, task.stage): task for task in went.tasks}
    assert set(tasks) == {(job.id, stage) for job in jobs for stage in job.seconds}
    assert len(went.finish_times) == len(jobs)
    for job in jobs:
        for stage, seconds in job.seconds.items():
            task = tasks[job.id, stage]
            inputs = [tasks[job.id, each].ended for each in INPUTS[stage] if each in job.seconds]
            assert task.ready == max([job.arrives_s, *inputs])
            assert task.began >= task.ready
            assert task.ended == pytest.approx(task.began + seconds)
    assert_nothing_is_used_twice(jobs, went.tasks, mode, memory)


def assert_nothing_is_used_twice(jobs: list[Job], tasks: list[Done], mode: Mode, memory: float) -> None:
    by_id = {job.id: job for job in jobs}
    for one, other in combinations(tasks, 2):
        if min(one.ended, other.ended) - max(one.began, other.began) > TICK:
            assert mode is Mode.BUDGET
            assert one.worker != other.worker
            both = sum(peak(by_id[task.job], task.stage) for task in (one, other))
            assert both <= memory * GB


@given(**CASE)
@settings(deadline=None, max_examples=150)
def test_the_plan_keeps_its_bound_and_no_order_beats_the_lower_bounds(
    jobs: list[Job], mode: Mode, memory: float, late: int
) -> None:
    for plan in (Plan(BOUND, late), FirstCome()):
        went = course(jobs, mode, memory, plan)
        assert went.hand_overs >= least_hand_overs(jobs, mode, round(memory * GB))
        assert went.makespan >= least_makespan(jobs, mode) - TICK
        assert isinstance(plan, FirstCome) or went.longest_wait <= BOUND
        if mode is Mode.EXCLUSIVE:
            assert went.hand_overs == len(went.tenures) - 1
            assert all(one.worker != other.worker for one, other in pairwise(went.tenures))


class Counting(Plan):
    """A plan that remembers how often its tasks were passed over, as it counts itself."""

    most = 0

    def start(self, ticket: Ticket) -> None:
        self.most = max(self.most, self.passed_over(ticket.number))
        super().start(ticket)


BUSY = usual(60, apart=7.0)
"""More than the vision worker does, whose queue grows."""


def test_the_plan_counts_as_the_simulation_does() -> None:
    plan = Counting()
    assert course(BUSY, plan=plan).longest_wait == plan.most


def test_who_waits_for_its_own_busy_worker_is_not_passed_over() -> None:
    plan = Counting(BOUND)
    assert course(BUSY, Mode.BUDGET, 16, plan).longest_wait <= BOUND
    assert plan.most <= BOUND


def test_an_owner_s_larger_task_is_not_passed_over_for_ever() -> None:
    speech = [Job(f"s{gb}", 0.0, {Stage.SPEECH: 4.0}, {Stage.SPEECH: gb}) for gb in (3.4, 5.0)]
    portraits = [Job(f"p{number}", number * 9.0, {Stage.PORTRAIT: 9.0}) for number in range(20)]
    went = course([*speech, *portraits], Mode.BUDGET, 14, Plan(BOUND, late=0))
    assert went.longest_wait <= BOUND
