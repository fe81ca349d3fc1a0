"""Who is next: waiting tasks, grouped by worker so that hand-overs are few, within a bound of fairness.

A worker that owns the device serves the tasks that waited when it was granted, and at most `late` that
came after; then the device goes on to whoever waits (gated service, as in polling systems: H. Takagi,
"Queuing analysis of polling models", ACM Computing Surveys 20, 1988). Of those who wait:

    1. who was passed over so often that the bound would else be broken, the most passed over first
    2. the earliest stage, so that more tasks gather for the later ones
    3. the larger group, then the older task

No task is passed over by more than `bound` hand-overs, whatever else arrives, if `bound` is at least
the number of workers that share the device. Choosing costs time linear in the waiting tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["Plan", "Ticket"]


@dataclass(frozen=True)
class Ticket:
    """A task that wants the device. `number` counts arrivals, `rank` its stage's place in the pipeline.

    `peak` and `context` are bytes on the device: the most while it runs, and what its worker keeps after.
    """

    number: int
    worker: str
    engine: str
    job: str = ""
    rank: int = 0
    peak: int = 0
    context: int = 0


class Plan:
    """The tasks that wait for one device, and the order in which they get it."""

    def __init__(self, bound: int = 4, late: int = 8) -> None:
        self.bound = bound
        self.late = late
        self._waiting: dict[int, Ticket] = {}
        self._passed_over: Counter[int] = Counter()
        self._gates: dict[str, int] = {}
        self._late_ones: Counter[str] = Counter()

    @property
    def waiting(self) -> list[Ticket]:
        """The tickets that wait, in order of arrival."""
        return list(self._waiting.values())

    def add(self, ticket: Ticket) -> None:
        """A task waits from now on. Numbers must grow."""
        self._waiting[ticket.number] = ticket

    def remove(self, number: int) -> Ticket | None:
        """A task waits no longer: it was started or withdrawn."""
        self._passed_over.pop(number, None)
        return self._waiting.pop(number, None)

    def passed_over(self, number: int) -> int:
        """Hand-overs to other workers since this task waits."""
        return self._passed_over[number]

    def begin_tenure(self, worker: str, owners: Collection[str] = ()) -> None:
        """The device was handed to a worker: it shall serve whoever waits for it now.

        Who waits for one of the other `owners` waits for its own worker, and is not passed over.
        """
        self._gates[worker] = max((t.number for t in self._of(worker)), default=-1)
        self._late_ones[worker] = 0
        for ticket in self._waiting.values():
            if ticket.worker != worker and ticket.worker not in owners:
                self._passed_over[ticket.number] += 1

    def next_of(self, owner: str, *, contested: bool) -> Ticket | None:
        """The task that an owner does next; None where its turn is over and others want the device.

        `contested` says that somebody waits who cannot have the device before this owner gives it back.
        """
        ticket = min(self._of(owner), key=lambda t: t.number, default=None)
        if ticket is None or not contested or ticket.number <= self._gates.get(owner, -1):
            return ticket
        if self._late_ones[owner] >= self.late or self._overdue(owner):
            return None
        return ticket

    def start(self, ticket: Ticket) -> None:
        """A task begins on a worker that owns the device."""
        self.remove(ticket.number)
        if ticket.number > self._gates.get(ticket.worker, -1):
            self._late_ones[ticket.worker] += 1

    def head(self, owners: Collection[str]) -> Ticket | None:
        """The task whose worker gets the device next, of those that do not own it; None if nobody waits."""
        candidates = [ticket for ticket in self._waiting.values() if ticket.worker not in owners]
        if not candidates:
            return None
        groups = Counter(ticket.worker for ticket in candidates)
        most = max(candidates, key=lambda t: (self._passed_over[t.number], -t.number))
        if self._is_overdue(most):
            return most
        return min(candidates, key=lambda t: (t.rank, -groups[t.worker], t.number))

    def _of(self, worker: str) -> list[Ticket]:
        return [ticket for ticket in self._waiting.values() if ticket.worker == worker]

    def _overdue(self, owner: str) -> bool:
        return any(self._is_overdue(t) for t in self._waiting.values() if t.worker != owner)

    def _is_overdue(self, ticket: Ticket) -> bool:
        """Whether to wait for one more group could break the bound: each other group may be before it."""
        others = {t.worker for t in self._waiting.values()} - {ticket.worker}
        return self._passed_over[ticket.number] + len(others) >= self.bound
