"""What a plan is measured against: first come first served, and what no order at all can go below.

Hand-overs: each worker that is needed must own the device at least once, and goes only when another makes
it. At the end no more of them own it than fit beside each other (in exclusive mode one); so at least
all the others were made to let go.

Makespan: of tasks that cannot begin before some time, those that share a processor end no earlier than
that time and the sum of their seconds; a task's own earliest time is when its job has come and all before
it was done at once. In exclusive mode the device is the one processor, and the workers' ways onto it and
off it are served by it too; in budget mode each worker is one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate

from orchestrator.gpu.plan import Plan, Ticket
from orchestrator.gpu.profiles import Mode
from orchestrator.gpu.workload import INPUTS, PASSAGES, Job, peak, workers
from orchestrator.launcher import WORKER_OF
from shared_schema.stages import Stage

__all__ = ["FirstCome", "least_hand_overs", "least_makespan"]


class FirstCome(Plan):
    """The oldest waiting task is always next, whoever owns the device. Numbers must grow."""

    def next_of(self, owner: str, *, contested: bool) -> Ticket | None:
        """The owner's oldest task; None where somebody else's is older and cannot be done beside it."""
        oldest = self.oldest()
        if contested and oldest is not None and oldest.worker != owner:
            return None
        return super().next_of(owner, contested=False)

    def head(self, owners: Collection[str]) -> Ticket | None:
        """The oldest task of those whose workers do not own the device."""
        return self.oldest(owners)


def least_hand_overs(jobs: Sequence[Job], mode: Mode, memory: int) -> int:
    """The fewest hand-overs that any order of these jobs needs. `memory` in bytes."""
    needed = len(workers(jobs))
    if mode is Mode.EXCLUSIVE:
        return needed - 1
    least: dict[str, int] = {}
    for job in jobs:
        for stage in job.seconds:
            worker = WORKER_OF[stage]
            least[worker] = min(peak(job, stage), least.get(worker, memory))
    beside = sum(used <= memory for used in accumulate(sorted(least.values())))
    return needed - beside


@dataclass(frozen=True)
class _Piece:
    """One task: the earliest time that it can begin, and its seconds."""

    earliest: float
    worker: str
    seconds: float


def least_makespan(jobs: Sequence[Job], mode: Mode) -> float:
    """Seconds from 0 until the last of these jobs is done, in no order less than this."""
    pieces = [piece for job in jobs for piece in _pieces(job, mode)]
    processors = [[piece for piece in pieces if piece.worker == worker] for worker in workers(jobs)]
    if mode is Mode.EXCLUSIVE:
        processors.append(pieces)
    return max(max(_all_in_turn(own), _latest_together(own)) for own in processors)


def _pieces(job: Job, mode: Mode) -> list[_Piece]:
    ends: dict[Stage, float] = {}
    pieces = []
    for stage in INPUTS:  # inputs stand before what needs them
        if stage in job.seconds:
            before = [before for before in INPUTS[stage] if before in ends]
            # One device does them in turn; several workers side by side.
            serial = job.arrives_s + sum(job.seconds[each] for each in before)
            beside = max((ends[each] for each in before), default=job.arrives_s)
            earliest = serial if mode is Mode.EXCLUSIVE else beside
            ends[stage] = earliest + job.seconds[stage]
            pieces.append(_Piece(earliest, WORKER_OF[stage], job.seconds[stage]))
    return pieces


def _all_in_turn(pieces: list[_Piece]) -> float:
    """All of them on one processor, which no worker has been on: the first loads its weights before."""
    passages = [PASSAGES[worker] for worker in {piece.worker for piece in pieces}]
    first = min(piece.earliest for piece in pieces) + min(passage.load for passage in passages)
    off = sum(passage.off for passage in passages) - max(passage.off for passage in passages)
    return first + sum(passage.on for passage in passages) + off + sum(piece.seconds for piece in pieces)


def _latest_together(pieces: list[_Piece]) -> float:
    """A time and the work that cannot begin before, at most; one worker may be on already, one stays."""
    most = work = 0.0
    names: set[str] = set()
    for piece in sorted(pieces, key=lambda piece: -piece.earliest):
        work += piece.seconds
        names.add(piece.worker)
        ons = [PASSAGES[name].on for name in names]
        offs = [PASSAGES[name].off for name in names]
        passages = sum(ons) - max(ons) + sum(offs) - max(offs)
        most = max(most, piece.earliest + work + passages)
    return most
