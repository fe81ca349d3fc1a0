"""A plan judged on a workload: its course beside first come first served and the lower bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.gpu.plan import Plan
from orchestrator.gpu.profiles import Mode
from orchestrator.gpu.simulator import Course, lease_of, simulate
from orchestrator.gpu.workload import CONTEXT, Job, peak, workers
from orchestrator.gpu.yardstick import FirstCome, least_hand_overs, least_makespan

__all__ = ["USUAL_MEMORY", "Judgement", "judge"]

USUAL_MEMORY = 24_000_000_000
"""Bytes: the card that is simulated where none is named."""


@dataclass(frozen=True)
class Judgement:
    """What became of the jobs under the plan and in order of arrival, and what nothing goes below.

    `memory` in bytes, `least_makespan` in seconds.
    """

    jobs: int
    mode: Mode
    memory: int
    planned: Course
    first_come: Course
    least_hand_overs: int
    least_makespan: float


def judge(
    jobs: Sequence[Job], mode: Mode = Mode.EXCLUSIVE, memory: int | None = None, plan: Plan | None = None
) -> Judgement:
    """Put the jobs through `plan` (a new one of the usual kind where none is given) and its yardsticks.

    Without `memory` it is the usual, or as much as the largest task needs beside the idle workers'
    contexts. InputError where `memory` is less than a task needs.
    """
    if memory is None:
        largest = max(peak(job, stage) for job in jobs for stage in job.seconds)
        memory = max(USUAL_MEMORY, largest + CONTEXT * (len(workers(jobs)) - 1))
    return Judgement(
        len(jobs),
        mode,
        memory,
        simulate(jobs, lease_of(jobs, mode, memory, plan)),
        simulate(jobs, lease_of(jobs, mode, memory, FirstCome())),
        least_hand_overs(jobs, mode, memory),
        least_makespan(jobs, mode),
    )
