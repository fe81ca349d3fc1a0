"""Who is next: waiting tasks, grouped by worker so that hand-overs are few, within a bound of fairness.

A worker that owns the device serves the tasks that waited when it was granted, and at most `late` that
came after; then the device goes on to whoever waits (gated service, as in polling systems: H. Takagi,
"Queuing analysis of polling models", ACM Computing Surveys 20, 1988). Of those who wait, the oldest task's
worker is next, unless another was passed over so often that the bound would else be broken.

No task is passed over by more than `bound` hand-overs, whatever else arrives, if `bound` is at least the
number of workers that share the device. Choosing costs time linear in the workers, not in the tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

__all__ = ["Plan", "Ticket"]


@dataclass(frozen=True)
class Ticket:
    """A task that wants the device. `number` counts arrivals.

    `peak` and `context` are bytes on the device: the most while it runs, and what its worker keeps after.
    """

    number: int
    worker: str
    engine: str
    job: str = ""
    peak: int = 0
    context: int = 0


@dataclass
class _Group:
    """One worker's waiting tickets, the oldest first, each with `passes` as it was when it came.

    `passes` counts hand-overs to others while this worker did not own the device. Tickets up to number
    `gate` belong to its present tenure; `late` counts those begun in it that came after.
    """

    tickets: dict[int, tuple[Ticket, int]] = field(default_factory=dict)
    passes: int = 0
    gate: int = -1
    late: int = 0

    @property
    def first(self) -> Ticket:
        """The oldest; only where there is one."""
        return next(iter(self.tickets.values()))[0]

    @property
    def passed_over(self) -> int:
        """How often the oldest was passed over: none of the others was more often."""
        return self.passes - next(iter(self.tickets.values()))[1]


class Plan:
    """The tasks that wait for one device, and the order in which they get it."""

    def __init__(self, bound: int = 4, late: int = 8) -> None:
        self.bound = bound
        self.late = late
        self._groups: dict[str, _Group] = {}
        self._workers: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[Ticket]:
        """The tickets that wait, those of one worker together."""
        return (ticket for group in self._groups.values() for ticket, _ in list(group.tickets.values()))

    def find(self, number: int | None) -> Ticket | None:
        """The ticket of this number, if it waits."""
        worker = self._workers.get(number) if number is not None else None
        return None if worker is None or number is None else self._groups[worker].tickets[number][0]

    def add(self, ticket: Ticket) -> None:
        """A task waits from now on. One whose start came to nothing may come again, in its old place."""
        group = self._groups.setdefault(ticket.worker, _Group())
        comes_again = bool(group.tickets) and next(reversed(group.tickets)) > ticket.number
        group.tickets[ticket.number] = (ticket, group.passes)
        if comes_again:
            group.tickets = dict(sorted(group.tickets.items()))
        self._workers[ticket.number] = ticket.worker

    def remove(self, number: int) -> None:
        """A task waits no longer: it was started or withdrawn."""
        worker = self._workers.pop(number, None)
        if worker is not None:
            del self._groups[worker].tickets[number]

    def passed_over(self, number: int) -> int:
        """Hand-overs to other workers since this task waits, while its own did not own the device."""
        group = self._groups[self._workers[number]]
        return group.passes - group.tickets[number][1]

    def begin_tenure(self, worker: str, owners: Collection[str] = ()) -> None:
        """The device was handed to a worker: it shall serve whoever waits for it now.

        Who waits for one of the other `owners` waits for its own worker, and is not passed over.
        """
        for name, group in self._groups.items():
            if name == worker:
                group.gate = next(reversed(group.tickets), -1)
                group.late = 0
            elif name not in owners:
                group.passes += 1

    def next_of(self, owner: str, *, contested: bool) -> Ticket | None:
        """The task that an owner does next; None where its turn is over and others want the device.

        `contested` says that somebody waits who cannot have the device before this owner gives it back.
        """
        group = self._groups.get(owner)
        if group is None or not group.tickets:
            return None
        if (
            contested
            and group.first.number > group.gate
            and (group.late >= self.late or self._overdue(owner))
        ):
            return None
        return group.first

    def start(self, ticket: Ticket) -> None:
        """A task begins on a worker that owns the device."""
        self.remove(ticket.number)
        group = self._groups[ticket.worker]
        group.late += ticket.number > group.gate

    def head(self, owners: Collection[str]) -> Ticket | None:
        """The task whose worker gets the device next, of those that do not own it; None if nobody waits."""
        groups = [group for name, group in self._groups.items() if group.tickets and name not in owners]
        if not groups:
            return None
        most = min(groups, key=lambda group: (-group.passed_over, group.first.number))
        if self._is_overdue(most):
            return most.first
        return self.oldest(owners)

    def oldest(self, owners: Collection[str] = ()) -> Ticket | None:
        """The task that came first, of those whose workers are not among `owners`."""
        firsts = [g.first for name, g in self._groups.items() if g.tickets and name not in owners]
        return min(firsts, key=lambda ticket: ticket.number, default=None)

    def _overdue(self, owner: str) -> bool:
        """Whether anybody else must not be passed over again."""
        return any(
            self._is_overdue(group) for name, group in self._groups.items() if group.tickets and name != owner
        )

    def _is_overdue(self, group: _Group) -> bool:
        """Whether to wait for one more group could break the bound: each other group may be before it."""
        others = sum(bool(other.tickets) for other in self._groups.values()) - 1
        return group.passed_over + others >= self.bound
