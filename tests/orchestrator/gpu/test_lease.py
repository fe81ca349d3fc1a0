"""The lease step by step: each row of the table of standings, and each reason to refuse or to end."""

from __future__ import annotations

import pytest

from orchestrator.gpu.actions import Action, Ask, Begin, End, Patience, Refuse, Sight
from orchestrator.gpu.device import Device
from orchestrator.gpu.lease import Lease
from orchestrator.gpu.plan import Ticket
from orchestrator.gpu.profiles import Mode, Way
from orchestrator.gpu.tenant import Standing
from shared_schema.errors import DeviceStuck, DeviceTooSmall

GB = 1_000_000_000
GPU = Device("GPU-0", "a GPU", 16 * GB, 15 * GB)


class Desk:
    """A lease, what is measured, and the time."""

    def __init__(self, mode: Mode = Mode.EXCLUSIVE, way: Way = Way.OFFLOAD) -> None:
        self.lease = Lease(GPU, mode, way, patience=Patience(release=5, leaving=5, others=60))
        self.now = 0.0
        self.held: dict[str, int] = {}
        self.foreign = 0
        self.number = 0

    def want(self, worker: str, peak: float = 4, context: float = 0.5) -> Ticket:
        self.number += 1
        ticket = Ticket(self.number, worker, worker, peak=int(peak * GB), context=int(context * GB))
        self.lease.want(ticket)
        return ticket

    def step(self, seconds: float = 0.0) -> list[Action]:
        self.now += seconds
        free = GPU.total - self.foreign - sum(self.held.values())
        actions = self.lease.step(self.now, Sight(free, self.held))
        for action in actions:
            if isinstance(action, Begin):
                self.held[action.ticket.worker] = action.ticket.peak
        return actions

    def begin(self, worker: str, peak: float = 4, context: float = 0.5) -> Begin:
        """A task of the worker begins at once."""
        self.want(worker, peak, context)
        (action,) = self.step()
        assert isinstance(action, Begin)
        return action

    def use(self, worker: str, peak: float = 4, context: float = 0.5) -> Begin:
        """A task of the worker begins and ends; it stays owner."""
        action = self.begin(worker, peak, context)
        self.lease.finished(action.ticket)
        return action

    def ask(self) -> Ask:
        (action,) = self.step()
        assert isinstance(action, Ask)
        return action

    def standing(self, worker: str) -> Standing:
        return self.lease.tenants[worker].standing

    def let_go(self, ask: Ask, held: float = 0.5) -> None:
        """The worker says that it let go, and so it is seen."""
        self.lease.released(ask.worker, ask.epoch)
        self.held[ask.worker] = int(held * GB)
        assert self.lease.seen(ask.worker, self.held[ask.worker])


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_first_who_wants_a_free_device_is_granted_all_of_it(desk: Desk) -> None:
    begin = desk.begin("tts")
    assert begin.epoch == 1
    assert begin.grant == GPU.budget
    assert desk.standing("tts") is Standing.OWNER


def test_the_owner_s_next_task_needs_no_new_grant(desk: Desk) -> None:
    first = desk.use("tts")
    second = desk.begin("tts")
    assert second.grant is None
    assert second.epoch == first.epoch


def test_a_busy_owner_is_not_asked(desk: Desk) -> None:
    desk.begin("tts")
    desk.want("vision")
    assert desk.step() == []


def test_an_idle_owner_is_asked_and_the_grant_follows_when_it_was_seen(desk: Desk) -> None:
    desk.use("tts")
    desk.want("vision")
    ask = desk.ask()
    assert ask == Ask("tts", 1, Way.OFFLOAD)
    assert desk.step() == []
    desk.lease.released("tts", 1)
    assert desk.step() == [], "its word alone is no proof"
    desk.let_go(ask)
    assert desk.standing("tts") is Standing.HOST
    (begin,) = desk.step()
    assert isinstance(begin, Begin)
    assert begin.epoch == 2
    assert begin.grant == GPU.budget - GB // 2, "the context of the other stays taken"


def test_being_seen_free_is_not_enough_without_its_word(desk: Desk) -> None:
    desk.use("tts")
    desk.want("vision")
    desk.ask()
    assert not desk.lease.seen("tts", 0)


def test_a_released_of_another_epoch_is_ignored(desk: Desk) -> None:
    desk.use("tts")
    desk.want("vision")
    ask = desk.ask()
    desk.lease.released("tts", ask.epoch - 1)
    desk.lease.released("tts", ask.epoch + 1)
    assert not desk.lease.seen("tts", 0)


def test_after_unload_it_is_out(desk: Desk) -> None:
    desk.lease.way = Way.UNLOAD
    desk.use("tts")
    desk.want("vision")
    desk.let_go(desk.ask())
    assert desk.standing("tts") is Standing.OUT


def test_what_was_suspended_is_resumed_with_its_next_grant(desk: Desk) -> None:
    desk.lease.way = Way.SUSPEND
    desk.use("tts")
    desk.want("vision")
    ask = desk.ask()
    desk.lease.released("tts", ask.epoch)
    assert not desk.lease.seen("tts", GB // 2), "the driver takes the context too"
    desk.let_go(ask, held=0)
    (begin,) = desk.step()
    assert isinstance(begin, Begin)
    assert begin.grant == GPU.budget
    desk.lease.finished(begin.ticket)
    desk.want("tts")
    desk.let_go(desk.ask(), held=0)
    (begin,) = desk.step()
    assert isinstance(begin, Begin)
    assert begin.resume


@pytest.mark.parametrize(
    ("says_so", "reason"),
    [(True, "still held more than the 500 MB it states"), (False, "did not let go")],
)
def test_who_does_not_let_go_in_time_is_ended_with_the_reason(desk: Desk, says_so: bool, reason: str) -> None:
    desk.use("tts")
    desk.want("vision")
    ask = desk.ask()
    if says_so:
        desk.lease.released("tts", ask.epoch)
        assert not desk.lease.seen("tts", 4 * GB)
    assert desk.step(4.9) == []
    (end,) = desk.step(0.2)
    assert isinstance(end, End)
    assert reason in end.why
    assert desk.standing("tts") is Standing.LEAVING


def test_the_memory_of_an_ended_worker_must_be_seen_gone(desk: Desk) -> None:
    desk.begin("tts")
    desk.want("vision")
    desk.lease.gone("tts", desk.now)
    assert not desk.lease.seen("tts", 1)
    assert desk.step() == []
    desk.held["tts"] = 0
    assert desk.lease.seen("tts", 0)
    (begin,) = desk.step()
    assert isinstance(begin, Begin)
    assert begin.grant == GPU.budget, "with the process its context is gone"


def test_memory_that_an_ended_worker_leaves_behind_is_told(desk: Desk) -> None:
    desk.begin("tts")
    waiting = desk.want("vision")
    desk.lease.gone("tts", desk.now)
    assert desk.step(4.9) == []
    (refusal,) = desk.step(0.2)
    assert isinstance(refusal, Refuse)
    assert refusal.number == waiting.number
    assert isinstance(refusal.error, DeviceStuck)
    assert "tts worker, which was ended" in refusal.error.message


def test_memory_that_other_programs_hold_is_waited_for_and_then_told(desk: Desk) -> None:
    desk.foreign = 14 * GB
    desk.want("vision", peak=6)
    assert desk.step() == []
    assert desk.step(59) == []
    (refusal,) = desk.step(2)
    assert isinstance(refusal, Refuse)
    assert "needs 6.0 GB, but only 2.0 GB" in refusal.error.message
    assert "other programs hold the rest" in refusal.error.message


def test_it_is_granted_once_other_programs_have_left(desk: Desk) -> None:
    desk.foreign = 14 * GB
    desk.want("vision", peak=6)
    assert desk.step(30) == []
    desk.foreign = 2 * GB
    (begin,) = desk.step()
    assert isinstance(begin, Begin)
    assert begin.grant == 14 * GB


def test_what_never_fits_is_refused_at_once(desk: Desk) -> None:
    with pytest.raises(DeviceTooSmall, match=r"vision needs 15\.1 GB of memory; a GPU has 15\.0 GB"):
        desk.want("vision", peak=15.1)


def test_idle_processes_are_asked_to_go_where_their_contexts_are_in_the_way(desk: Desk) -> None:
    desk.use("tts", context=2)
    desk.want("vision", peak=14)
    desk.let_go(desk.ask(), held=2)
    ask = desk.ask()
    assert (ask.worker, ask.way) == ("tts", Way.EXIT)
    assert ask.epoch > 1
    desk.lease.released("tts", ask.epoch)
    assert not desk.lease.seen("tts", 0), "it is to end, not to let go"
    desk.held["tts"] = 0
    desk.lease.gone("tts", desk.now)
    assert desk.lease.seen("tts", 0)
    (begin,) = desk.step()
    assert isinstance(begin, Begin)


def test_room_that_was_made_for_one_is_not_taken_by_another(desk: Desk) -> None:
    desk.lease.plan.late = 0
    desk.use("tts")
    lipsync = desk.want("lipsync")
    ask = desk.ask()
    desk.want("tts")
    desk.want("tts")
    desk.let_go(ask)
    (begin,) = desk.step()
    assert isinstance(begin, Begin)
    assert begin.ticket == lipsync


def test_within_a_budget_several_own_the_device() -> None:
    desk = Desk(Mode.BUDGET)
    assert desk.begin("tts", 4).grant == 4 * GB
    assert desk.begin("vision", 9).grant == 9 * GB
    assert desk.standing("tts") is desk.standing("vision") is Standing.OWNER
    desk.want("lipsync", 3)
    assert desk.step() == []


def test_within_a_budget_the_least_recently_used_is_asked_and_no_more_than_needed() -> None:
    desk = Desk(Mode.BUDGET)
    desk.use("tts", 4)
    desk.use("vision", 8)
    desk.use("tts", 4)
    desk.want("lipsync", 6)
    ask = desk.ask()
    assert ask.worker == "vision"
    desk.let_go(ask)
    (begin,) = desk.step()
    assert isinstance(begin, Begin)
    assert desk.standing("tts") is Standing.OWNER


def test_an_owner_s_larger_task_waits_for_room_as_a_newcomer_s() -> None:
    desk = Desk(Mode.BUDGET)
    desk.use("tts", 4)
    desk.use("vision", 9)
    larger = desk.want("tts", 8)
    ask = desk.ask()
    assert ask.worker == "vision"
    desk.let_go(ask)
    (begin,) = desk.step()
    assert isinstance(begin, Begin)
    assert begin.ticket == larger
    assert begin.grant is None


def test_a_measured_peak_above_the_stated_one_counts() -> None:
    desk = Desk(Mode.BUDGET)
    begin = desk.begin("tts", 4)
    desk.lease.finished(begin.ticket, peak=9 * GB)
    desk.want("vision", 8)
    assert desk.ask().worker == "tts"


def test_who_does_not_wait_any_longer_gets_nothing(desk: Desk) -> None:
    ticket = desk.want("tts")
    desk.lease.withdraw(ticket.number)
    assert desk.step() == []


def test_weights_loaded_ahead_are_in_host_memory_and_own_nothing(desk: Desk) -> None:
    desk.begin("tts")
    desk.want("vision")
    desk.lease.loaded("vision")
    assert desk.standing("vision") is Standing.HOST
    assert desk.step() == []
