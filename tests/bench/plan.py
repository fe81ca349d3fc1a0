"""What the plan saves: hand-overs of 100 jobs in virtual time, beside first come first served and the bound.

Seeded, so the same everywhere. The load is the jobs' seconds of work a second, hand-overs not counted.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable

from orchestrator.gpu.judgement import judge
from orchestrator.gpu.profiles import Mode
from orchestrator.gpu.workload import ENGINES, Job
from shared_schema.stages import Stage
from tests.bench.measure import say

JOBS = 100
SEEDS = range(20)
STAGES = (Stage.SPEECH, Stage.PORTRAIT, Stage.LIPSYNC)
WORK = sum(ENGINES[stage].seconds for stage in STAGES)
BUDGET = 16_000_000_000
"""Bytes: any two of the three engines fit."""

Workload = Callable[[random.Random], list[Job]]


def main() -> None:
    """One row a workload: plan, first come first served, bound; then the mean times until a job is done."""
    say("100 jobs", "hand-overs: plan, first come, bound; mean time to finish")
    for mode, memory in ((Mode.EXCLUSIVE, None), (Mode.BUDGET, BUDGET)):
        _row(f"{mode}: all at once", _at_once, mode, memory)
        for load in (0.5, 0.85, 1.3):
            _row(f"{mode}: at random, load {load}", _at_random(load), mode, memory)
        _row(f"{mode}: ten at a time, load 0.85", _in_bursts, mode, memory)
        _row(f"{mode}: a third speech only, load 0.85", _mixed, mode, memory)


def _row(what: str, workload: Workload, mode: Mode, memory: int | None) -> None:
    made = [judge(workload(random.Random(seed)), mode, memory) for seed in SEEDS]
    ours = statistics.mean(each.planned.hand_overs for each in made)
    theirs = statistics.mean(each.first_come.hand_overs for each in made)
    least = statistics.mean(each.least_hand_overs for each in made)
    finish = statistics.mean(each.planned.mean_finish for each in made)
    their_finish = statistics.mean(each.first_come.mean_finish for each in made)
    say(what, f"{ours:.0f}, {theirs:.0f}, {least:.0f}; {finish:.0f} s, {their_finish:.0f} s")


def _at_once(_: random.Random) -> list[Job]:
    return [Job(str(number)) for number in range(JOBS)]


def _in_bursts(_: random.Random) -> list[Job]:
    return [Job(str(number), number // 10 * 10 * WORK / 0.85) for number in range(JOBS)]


def _at_random(load: float, job: Callable[[str, float], Job] = Job, work: float = WORK) -> Workload:
    """Arrivals without memory (a Poisson process)."""

    def workload(chance: random.Random) -> list[Job]:
        now, jobs = 0.0, []
        for number in range(JOBS):
            now += chance.expovariate(load / work)
            jobs.append(job(str(number), now))
        return jobs

    return workload


def _mixed(chance: random.Random) -> list[Job]:
    """Every third wants speech only."""

    def job(name: str, at: float) -> Job:
        stages = STAGES if int(name) % 3 else STAGES[:1]
        return Job(name, at, {stage: ENGINES[stage].seconds for stage in stages})

    return _at_random(0.85, job, (2 * WORK + ENGINES[Stage.SPEECH].seconds) / 3)(chance)
