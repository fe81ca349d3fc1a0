"""Whatever workers do, and in whatever order: no grant before the memory is free, and nobody waits for ever.

A model of the machine keeps the true bytes of every process. Workers obey, lie, keep silent, and die;
dead ones' memory lingers; other programs take and free theirs. The lease sees only what it is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestrator.gpu.actions import Ask, Begin, End, Patience, Refuse, Sight
from orchestrator.gpu.device import Device
from orchestrator.gpu.lease import Lease
from orchestrator.gpu.plan import Plan, Ticket
from orchestrator.gpu.profiles import Mode, Way
from orchestrator.gpu.tenant import Standing

WORKERS = ["tts", "vision", "lipsync"]
PEAKS = {"tts": 3, "vision": 9, "lipsync": 5}
CONTEXT = 1
TOTAL = 16
BUDGET = 15
PATIENCE = Patience(release=5, leaving=5, others=20)


@dataclass
class Process:
    """A worker's process as it truly is. `asked` is a request that it has not acted upon."""

    alive: bool = False
    held: int = 0
    task: Ticket | None = None
    asked: Ask | None = None
    told: list[int] = field(default_factory=list)


class Machine(RuleBasedStateMachine):
    """Random interleavings; the checks are in `begin` and in the invariants."""

    @initialize(
        mode=st.sampled_from(list(Mode)),
        way=st.sampled_from(list(Way)),
        bound=st.integers(3, 6),
        silent=st.sets(st.sampled_from(WORKERS)),
        lingers=st.booleans(),
        intruder=st.booleans(),
    )
    def build(
        self, *, mode: Mode, way: Way, bound: int, silent: set[str], lingers: bool, intruder: bool
    ) -> None:
        """`silent` workers never let go, memory that `lingers` is never freed, the `intruder` stays."""
        self.silent, self.lingers, self.intruder = silent, lingers, intruder
        self.lease = Lease(Device("GPU-0", "a GPU", TOTAL, BUDGET), mode, way, Plan(bound, 2), PATIENCE)
        self.mode = mode
        self.processes = {name: Process() for name in WORKERS}
        self.foreign = 0
        self.now = 0.0
        self.number = 0
        self.open: dict[int, Ticket] = {}
        self.answered: set[int] = set()

    @property
    def used(self) -> int:
        return self.foreign + sum(process.held for process in self.processes.values())

    def step(self) -> None:
        sight = Sight(TOTAL - self.used, {name: p.held for name, p in self.processes.items()})
        for action in self.lease.step(self.now, sight):
            if isinstance(action, Begin):
                self.begin(action)
            elif isinstance(action, Ask):
                process = self.processes[action.worker]
                assert process.alive
                assert process.task is None
                process.asked = action
            elif isinstance(action, End):
                self.kill(action.worker)
            else:
                assert isinstance(action, Refuse)
                self.answer(action.number)

    def answer(self, number: int) -> None:
        assert number not in self.answered
        del self.open[number]
        self.answered.add(number)

    def begin(self, action: Begin) -> None:
        """The heart of it: what must be true whenever the device is granted."""
        ticket = action.ticket
        process = self.processes[ticket.worker]
        assert process.task is None
        assert process.asked is None
        self.answer(ticket.number)
        others = [p for name, p in self.processes.items() if name != ticket.worker]
        if self.mode is Mode.EXCLUSIVE:
            assert all(p.held <= CONTEXT and p.task is None for p in others)
        if action.grant is not None:
            assert sum(p.held for p in others) + max(ticket.peak, action.grant) + self.foreign <= TOTAL
            assert action.epoch > max((e for p in self.processes.values() for e in p.told), default=0)
            process.told.append(action.epoch)
            process.alive = True
        if process.alive:
            process.task = ticket
            process.held = max(process.held, ticket.peak)
        else:  # it died and nobody has noticed yet: the sender learns it
            assert process.held == 0 or action.grant is None
            self.lease.finished(ticket)

    def kill(self, worker: str) -> None:
        process = self.processes[worker]
        process.alive, process.task, process.asked = False, None, None

    @rule(worker=st.sampled_from(WORKERS), extra=st.integers(-1, 2))
    def a_task_arrives(self, worker: str, extra: int) -> None:
        self.number += 1
        ticket = Ticket(self.number, worker, worker, peak=PEAKS[worker] + extra,
                        context=CONTEXT)  # fmt: skip
        self.open[self.number] = ticket
        self.lease.want(ticket)
        self.step()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def a_task_is_withdrawn(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        self.lease.withdraw(number)
        self.answer(number)
        self.step()

    @rule(worker=st.sampled_from(WORKERS))
    def a_task_ends(self, worker: str) -> None:
        process = self.processes[worker]
        if process.task is not None:
            ticket, process.task = process.task, None
            self.lease.finished(ticket, process.held)
            self.step()

    @rule(worker=st.sampled_from(WORKERS))
    def a_worker_lets_go(self, worker: str) -> None:
        process = self.processes[worker]
        if process.asked is not None and worker not in self.silent:
            asked, process.asked = process.asked, None
            process.held = 0 if asked.way in (Way.EXIT, Way.SUSPEND) else min(process.held, CONTEXT)
            self.lease.released(worker, asked.epoch)
            if asked.way is Way.EXIT:
                self.kill(worker)
                self.lease.gone(worker, self.now)
            self.step()

    @rule(worker=st.sampled_from(WORKERS))
    def a_worker_lies(self, worker: str) -> None:
        """It says that it let go, and did not."""
        process = self.processes[worker]
        if process.asked is not None:
            self.lease.released(worker, process.asked.epoch)
            self.step()

    @rule(worker=st.sampled_from(WORKERS), epoch=st.integers(0, 20))
    def a_late_message_comes(self, worker: str, epoch: int) -> None:
        tenant = self.lease.tenants.get(worker)
        if tenant is None or tenant.epoch != epoch:
            before = repr(tenant)
            self.lease.released(worker, epoch)
            assert repr(tenant) == before
            self.step()

    @rule(worker=st.sampled_from(WORKERS))
    def weights_are_loaded_ahead(self, worker: str) -> None:
        if self.processes[worker].alive:
            self.lease.loaded(worker)
            self.step()

    @rule(worker=st.sampled_from(WORKERS), lingers=st.booleans())
    def a_worker_dies(self, worker: str, lingers: bool) -> None:
        process = self.processes[worker]
        if process.alive:
            self.kill(worker)
            process.held = process.held if lingers else 0
            self.lease.gone(worker, self.now)
            self.step()

    @rule(worker=st.sampled_from(WORKERS))
    def the_memory_of_the_dead_is_freed(self, worker: str) -> None:
        process = self.processes[worker]
        if not process.alive and not self.lingers:
            process.held = 0

    @rule()
    def somebody_measures(self) -> None:
        for name in list(self.lease.tenants):
            self.lease.seen(name, self.processes[name].held)
        self.step()

    @rule(seconds=st.sampled_from([1.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.step()

    @rule(share=st.floats(0, 1))
    def another_program_takes_or_frees_memory(self, share: float) -> None:
        """It can only take what our own do not need, or the model itself would run out."""
        set_aside = sum(max(t.share, self.processes[n].held) for n, t in self.lease.tenants.items())
        self.foreign = int(share * max(0, TOTAL - set_aside))
        self.step()

    @invariant()
    def one_owner_at_most_where_it_is_exclusive(self) -> None:
        if self.mode is Mode.EXCLUSIVE:
            assert sum(tenant.standing is Standing.OWNER for tenant in self.lease.tenants.values()) <= 1

    @invariant()
    def memory_is_never_promised_twice(self) -> None:
        assert sum(tenant.share for tenant in self.lease.tenants.values()) <= BUDGET
        assert self.used <= TOTAL

    @invariant()
    def nobody_is_passed_over_too_often(self) -> None:
        assert all(self.lease.plan.passed_over(number) <= self.lease.plan.bound for number in self.open)

    def teardown(self) -> None:
        """No more is wanted: everybody who waits is answered, however badly the others behave."""
        if not hasattr(self, "lease"):
            return
        self.foreign = self.foreign if self.intruder else 0
        for _ in range(25 * (len(self.open) + 3)):
            self.now += 1.0
            for worker in WORKERS:
                self.a_task_ends(worker)
                self.a_worker_lets_go(worker)
                self.the_memory_of_the_dead_is_freed(worker)
            self.somebody_measures()
        assert not self.open
        assert not any(process.task for process in self.processes.values())


@pytest.mark.parametrize("examples", [300])
def test_the_lease_holds_whatever_happens(examples: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
