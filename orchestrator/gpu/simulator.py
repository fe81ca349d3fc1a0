"""A device's time, without a device: jobs go through the real `Lease` and `Plan` in virtual seconds.

    arrivals ──> want ──────┐                   ┌─> Begin   the task ends after passage and seconds
    ends ──────> finished ──┼─> Lease ── step ──┼─> Ask     the worker is off after its passage
    passages ──> released ──┘                   └─> virtual bytes, which the lease measures

Workers obey, and do one task at a time. Weights are read ahead, from when a worker's first task waits; tasks
and passages of several workers do not slow each other down. A hand-over is a change of the owner after the
first grant; where several own the device, each time that one of them must let go for another's sake.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from orchestrator.gpu.actions import Action, Ask, Begin, Patience, Sight
from orchestrator.gpu.device import Device
from orchestrator.gpu.lease import Lease
from orchestrator.gpu.plan import Plan, Ticket
from orchestrator.gpu.profiles import Mode, Way
from orchestrator.gpu.workload import CONTEXT, ENGINES, INPUTS, PASSAGES, Job, peak
from orchestrator.launcher import WORKER_OF
from shared_schema.errors import InputError
from shared_schema.stages import Stage

__all__ = ["Course", "Done", "Tenure", "lease_of", "simulate"]

ENDLESS = Patience(math.inf, math.inf, math.inf)


@dataclass(frozen=True)
class Done:
    """One task that was done; times in seconds.

    `passed_over` counts the grants to other workers while it waited and its own had nothing to do.
    """

    job: str
    stage: Stage
    worker: str
    ready: float
    began: float
    ended: float
    passed_over: int


@dataclass
class Tenure:
    """One worker's turn: from when it was granted the device, with how many tasks of how many seconds."""

    at: float
    worker: str
    tasks: int = 0
    seconds: float = 0.0


@dataclass
class Course:
    """How it went: the turns and the tasks in their order; times in seconds."""

    hand_overs: int = 0
    tenures: list[Tenure] = field(default_factory=list)
    tasks: list[Done] = field(default_factory=list)
    finish_times: list[float] = field(default_factory=list)

    @property
    def makespan(self) -> float:
        """Until the last task was done."""
        return max(task.ended for task in self.tasks)

    @property
    def longest_wait(self) -> int:
        """The most hand-overs to others that a task waited for."""
        return max(task.passed_over for task in self.tasks)

    @property
    def mean_finish(self) -> float:
        """From a job's arrival until it was done, on average."""
        return sum(self.finish_times) / len(self.finish_times)

    @property
    def worst_finish(self) -> float:
        """The longest of those."""
        return max(self.finish_times)


def lease_of(jobs: Sequence[Job], mode: Mode, memory: int, plan: Plan | None = None) -> Lease:
    """The lease of a virtual GPU of `memory` bytes. InputError where a job needs more than that."""
    for job in jobs:
        for stage in job.seconds:
            if peak(job, stage) > memory:
                raise InputError(
                    f"Job {job.id!r} needs {peak(job, stage) / 1e9:.1f} GB for {stage}; the simulated GPU has"
                    f" {memory / 1e9:.1f} GB.",
                    "Give more with --memory.",
                )
    return Lease(Device("GPU-0", "the simulated GPU", memory, memory), mode, Way.OFFLOAD, plan, ENDLESS)


def simulate(jobs: Sequence[Job], lease: Lease) -> Course:
    """Do these jobs on a device of which nobody has had the lease yet."""
    return _Simulation(jobs, lease).run()


@dataclass
class _Errand:
    """One task on its way. `since` is how often its worker had been passed over before it was ready."""

    job: Job
    stage: Stage
    ready: float
    since: int
    began: float = 0.0
    passed_over: int = 0


class _Simulation:
    def __init__(self, jobs: Sequence[Job], lease: Lease) -> None:
        self.lease = lease
        self.course = Course()
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._numbers = itertools.count(1)
        self._errands: dict[int, _Errand] = {}
        self._done: dict[str, set[Stage]] = {job.id: set() for job in jobs}
        self._held: Counter[str] = Counter()
        self._weights: dict[str, float] = {}
        self._turns: dict[str, Tenure] = {}
        self._passed_over: Counter[str] = Counter()
        for job in jobs:
            self._at(job.arrives_s, partial(self._want_what_can_begin, job))

    def run(self) -> Course:
        """All that happens at one moment happens before the lease is asked what to do."""
        while self._events:
            self.now = self._events[0][0]
            while self._events and self._events[0][0] == self.now:
                heapq.heappop(self._events)[2]()
            for action in self.lease.step(self.now, self._sight()):
                self._act(action)
        if self.lease.plan:
            raise AssertionError(f"{len(self.lease.plan)} tasks were never granted the device")
        return self.course

    def _sight(self) -> Sight:
        free = self.lease.device.total - self._held.total()
        if free < 0:
            raise AssertionError(f"the lease gave {-free} bytes more than there are")
        return Sight(free, self._held)

    def _at(self, time: float, happening: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), happening))

    def _want_what_can_begin(self, job: Job, after: Stage | None = None) -> None:
        """Those of its stages whose last input came just now."""
        done = self._done[job.id]
        for stage, inputs in INPUTS.items():
            needed = set(inputs) & set(job.seconds)
            comes_now = after in needed if after else not needed
            if stage in job.seconds and comes_now and needed <= done:
                self._want(job, stage)

    def _want(self, job: Job, stage: Stage) -> None:
        number, worker, engine = next(self._numbers), WORKER_OF[stage], ENGINES[stage]
        self._errands[number] = _Errand(job, stage, self.now, self._passed_over[worker])
        most = peak(job, stage)
        ticket = Ticket(number, worker, engine.name, job.id, most, min(CONTEXT, most))
        self.lease.want(ticket)
        if worker not in self._weights:
            self._weights[worker] = self.now + PASSAGES[worker].load
            self._at(self._weights[worker], lambda: self.lease.loaded(worker))

    def _act(self, action: Action) -> None:
        match action:
            case Begin():
                self._begin(action)
            case Ask():
                self._ask(action)
            case _:
                raise AssertionError(f"nobody gave reason for {action}")

    def _begin(self, begin: Begin) -> None:
        ticket = begin.ticket
        worker, errand = ticket.worker, self._errands[ticket.number]
        errand.passed_over = self._passed_over[worker] - errand.since
        errand.began = self.now
        if begin.grant is not None:
            errand.began = self._grant(worker)
        turn, seconds = self._turns[worker], errand.job.seconds[errand.stage]
        turn.tasks += 1
        turn.seconds += seconds
        self._held[worker] = max(self._held[worker], ticket.peak)
        self._at(errand.began + seconds, lambda: self._end(ticket))

    def _grant(self, worker: str) -> float:
        """The owner changes; when the new one has its engine on the device."""
        for name, tenant in self.lease.tenants.items():
            self._passed_over[name] += name != worker and tenant.running is None
        self._turns[worker] = Tenure(self.now, worker)
        self.course.tenures.append(self._turns[worker])
        weights = self._weights.setdefault(worker, self.now + PASSAGES[worker].load)
        return max(self.now, weights) + PASSAGES[worker].on

    def _end(self, ticket: Ticket) -> None:
        errand = self._errands.pop(ticket.number)
        job, stage = errand.job, errand.stage
        self.lease.finished(ticket, self._held[ticket.worker])
        self.course.tasks.append(
            Done(job.id, stage, ticket.worker, errand.ready, errand.began, self.now, errand.passed_over)
        )
        done = self._done[job.id]
        done.add(stage)
        if len(done) == len(job.seconds):
            self.course.finish_times.append(self.now - job.arrives_s)
        self._want_what_can_begin(job, stage)

    def _ask(self, ask: Ask) -> None:
        """An owner takes its engine off; whoever only has a process left ends it."""
        if self._turns.pop(ask.worker, None) is not None:
            self.course.hand_overs += 1
        off = PASSAGES[ask.worker].off
        self._at(self.now + off, lambda: self._is_off(ask))

    def _is_off(self, ask: Ask) -> None:
        worker = ask.worker
        if ask.way is Way.EXIT:
            del self._held[worker]
            self._weights.pop(worker, None)
            self.lease.gone(worker, self.now)
        else:
            self._held[worker] = self.lease.tenants[worker].context
            self.lease.released(worker, ask.epoch)
        self.lease.seen(worker, self._held[worker])
