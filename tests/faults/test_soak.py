"""Five hundred hand-overs between real workers, with everything going wrong that may, and nothing lost.

Each soak is played once; the tests say what must be true of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from orchestrator.gpu.device import HOST
from orchestrator.gpu.events import Ended, Event, Freed, Granted, Started
from orchestrator.gpu.profiles import Mode, Way
from orchestrator.job import Job
from orchestrator.supervisor import KEPT_LOGS
from tests.support import stock
from tests.support.blocks import WORKERS, Blocks, blocks, host_device
from tests.support.mishaps import MISHAPS, Mishaps, Order
from tests.support.processes import alive
from tests.support.referee import Referee, too_many_owners
from tests.support.soak import Soak

pytestmark = pytest.mark.timeout(900)

SHARES = dict.fromkeys(MISHAPS, 0.004)
"""Of all tasks."""


@dataclass(frozen=True)
class Plan:
    """A soak: hand-overs, blocks that the device has room for, and how it is used."""

    hand_overs: int
    room: int = 1
    way: Way = Way.UNLOAD
    device: str = HOST
    seed: int = 1


PLANS = {
    "exclusive": Plan(500),
    "budget": Plan(60, room=2, seed=2),
    "loaded ahead": Plan(60, way=Way.OFFLOAD, device="GPU-stand-in", seed=3),
}


@dataclass(frozen=True)
class Stock:
    """What the orchestrator kept at one moment with three idle workers."""

    resident: int
    descriptors: Counter[str]
    entries: dict[str, int]
    objects: Counter[str]


@dataclass
class Record:
    """What came of a soak."""

    plan: Plan
    soak: Soak
    made: Blocks
    referee: Referee
    stocks: list[Stock]
    descriptors: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))
    files: Counter[str] = field(default_factory=Counter)
    logs: dict[str, int] = field(default_factory=dict)

    def answer(self, order: Order) -> str:
        """What came of a task."""
        return self.soak.answers[order.name]


async def _settled(soak: Soak, like: Stock | None) -> Stock:
    """What is kept when all workers are idle; sockets of the dead may take a moment to be closed."""
    await soak.use_each()
    for _ in range(100):
        now = Stock(stock.resident(), stock.descriptors(), stock.entries(soak.made), stock.kept_objects())
        if like is None or (now.descriptors, now.entries, now.objects) == (
            like.descriptors,
            like.entries,
            like.objects,
        ):
            break
        await asyncio.sleep(0.1)
    return now


async def _play(job: Job, plan: Plan) -> Record:
    mishaps = Mishaps()
    referee = Referee(most=plan.room)

    def hear(event: Event) -> None:
        referee.hear(event)
        mishaps.hear(event)

    stocks: list[Stock] = []
    async with blocks(
        job,
        host_device(plan.room, plan.device),
        mode=Mode.EXCLUSIVE if plan.room == 1 else Mode.BUDGET,
        way=plan.way,
        meter=mishaps.meter,
        listener=hear,
    ) as made:
        soak = Soak(made, mishaps, SHARES, plan.seed)
        with referee:
            for third in (1, 2, 3):
                while len(made.hand_overs) < plan.hand_overs * third / 3:
                    await soak.wave()
                stocks.append(await _settled(soak, stocks[0] if stocks else None))
    return Record(plan, soak, made, referee, stocks)


@pytest.fixture(scope="module", params=PLANS)
def record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Record:
    home: Path = tmp_path_factory.mktemp("h")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_HOME", str(home))
        before = stock.descriptors()
        with Job() as job:
            record = asyncio.run(_play(job, PLANS[request.param]))
        record.descriptors = before, stock.descriptors()
        record.files = stock.files_under(home)
        logs = home / "state/logs"
        record.logs = {worker: len(list(logs.glob(f"{worker}-*"))) for worker in WORKERS}
    return record


def test_the_device_was_handed_over_as_often_as_was_asked_for(record: Record) -> None:
    assert len(record.made.hand_overs) >= record.plan.hand_overs
    assert all(event.source != event.target for event in record.made.hand_overs)


def test_every_mishap_happened(record: Record) -> None:
    """In a short soak some wait in vain for their moment."""
    missing = set(MISHAPS) - set(record.soak.mishaps.happened)
    assert len(missing) <= (0 if record.plan.hand_overs >= 500 else 4)


def test_every_task_was_answered_once_and_as_it_deserved(record: Record) -> None:
    soak = record.soak
    assert set(soak.answers) == set(soak.orders)
    struck_by_chance = [
        order for order in soak.orders.values() if record.answer(order) not in expected(order)
    ]
    # Three blows from outside may fall on one task.
    assert {record.answer(order) for order in struck_by_chance} <= {"set aside"}
    assert len(struck_by_chance) <= 1
    cancelled = {name for name, answer in soak.answers.items() if answer == "cancelled"}
    assert cancelled <= soak.mishaps.may_be_cancelled


def expected(order: Order) -> set[str]:
    """What may come of a task. Traps may befall any other than the one that set them."""
    if order.mishap in ("cancelled while running", "cancelled twice", "cancelled and deaf"):
        return {"cancelled"}
    if order.mishap == "kills every worker":
        return {"set aside", "cancelled"}
    if order.mishap in ("left at once", "mistake of the holder"):
        return {"failed", "cancelled"}
    return {"done", "cancelled"}


def test_of_a_process_that_ended_one_task_is_told_at_most(record: Record) -> None:
    assert [pid for pid, times in Counter(pid for _, pid in record.soak.blamed).items() if times > 1] == []


def test_there_never_were_too_many_owners(record: Record) -> None:
    assert too_many_owners(record.made.events, record.plan.room) == []


def test_measured_from_outside_no_more_than_the_owners_ever_held_a_block(record: Record) -> None:
    assert record.referee.violations == []
    assert record.referee.looks > record.plan.hand_overs
    assert record.referee.seen_above == record.plan.room


def test_whoever_was_freed_had_been_granted(record: Record) -> None:
    granted = {(event.worker, event.epoch) for event in record.made.events if isinstance(event, Granted)}
    freed = [(event.worker, event.epoch) for event in record.made.events if isinstance(event, Freed)]
    assert set(freed) <= granted
    assert len(freed) == len(set(freed))


def test_no_process_is_left(record: Record) -> None:
    pids = {event.pid for event in record.made.events if isinstance(event, Started | Ended)}
    assert len(pids) > len(WORKERS)
    assert [pid for pid in pids if alive(pid)] == []
    assert psutil.Process().children(recursive=True) == []


def test_no_descriptor_thread_task_or_entry_is_left_behind(record: Record) -> None:
    before, after = record.descriptors
    assert after == before
    first, *later = record.stocks
    for stock_ in later:
        assert stock_.descriptors == first.descriptors
        assert stock_.objects == first.objects
        assert stock_.entries == first.entries


def test_the_orchestrator_s_memory_is_flat(record: Record) -> None:
    """After a third, everything that is made once has been made; a leak of 40 KB a hand-over would show."""
    first, *_, last = (stock_.resident for stock_ in record.stocks)
    assert last < first * 1.1


def test_nothing_is_left_on_disk_but_logs_and_the_device_s_lock(record: Record) -> None:
    assert set(record.files) == {"state/logs", "state/devices"}
    assert record.files["state/devices"] == 1
    assert max(record.logs.values()) <= KEPT_LOGS
