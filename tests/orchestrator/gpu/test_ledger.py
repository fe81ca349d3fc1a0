"""What the ledger tells of grants, returns and hand-overs."""

from __future__ import annotations

from orchestrator.gpu.device import HOST, Device
from orchestrator.gpu.events import Event, Freed, HandedOver
from orchestrator.gpu.host import HostMeter
from orchestrator.gpu.ledger import Ledger
from orchestrator.gpu.profiles import Way

GB = 1_000_000_000


class Clerk:
    """A ledger, its clock, and what it told."""

    def __init__(self) -> None:
        self.time = 0.0
        self.events: list[Event] = []
        device = Device(HOST, "host memory", 16 * GB, 15 * GB)
        self.ledger = Ledger(device, HostMeter(), lambda: self.time, self.events.append)

    def grant(self, worker: str, epoch: int) -> None:
        self.ledger.pids[worker] = -epoch
        self.ledger.grant(worker, epoch, GB)

    def let_go(self, worker: str, before: int, after: int) -> None:
        """Asked, said so a second later, and seen half a second after that."""
        self.ledger.ask(worker, Way.UNLOAD, before)
        self.time += 1.0
        self.ledger.hear(worker)
        self.time += 0.5
        self.ledger.free(worker, 1, after)

    @property
    def hand_overs(self) -> list[tuple[str, str, float, int]]:
        made = [event for event in self.events if isinstance(event, HandedOver)]
        return [(event.source, event.target, event.seconds, event.bytes) for event in made]


def test_a_hand_over_is_from_the_request_to_the_next_one_s_grant() -> None:
    clerk = Clerk()
    clerk.grant("tts", 1)
    clerk.let_go("tts", 3 * GB, GB)
    clerk.time += 0.25
    clerk.grant("vision", 2)
    assert clerk.hand_overs == [("tts", "vision", 1.75, 2 * GB)]
    (freed,) = [event for event in clerk.events if isinstance(event, Freed)]
    assert (freed.said_s, freed.seconds, freed.mode) == (1.0, 1.5, "unload")


def test_an_owner_that_gave_back_nothing_is_succeeded_all_the_same() -> None:
    clerk = Clerk()
    clerk.grant("tts", 1)
    clerk.let_go("tts", GB, GB + 1)
    clerk.grant("vision", 2)
    assert clerk.hand_overs == [("tts", "vision", 1.5, 0)]


def test_several_who_made_room_for_one_are_one_hand_over() -> None:
    clerk = Clerk()
    clerk.grant("tts", 1)
    clerk.grant("lipsync", 2)
    clerk.let_go("tts", 3 * GB, GB)
    clerk.let_go("lipsync", 4 * GB, GB)
    clerk.grant("vision", 3)
    assert clerk.hand_overs == [("tts", "vision", 3.0, 5 * GB)]


def test_who_is_granted_again_was_not_succeeded() -> None:
    clerk = Clerk()
    clerk.grant("tts", 1)
    clerk.let_go("tts", 3 * GB, GB)
    clerk.grant("tts", 2)
    assert clerk.hand_overs == []


def test_the_death_of_one_that_owned_nothing_is_not_told() -> None:
    clerk = Clerk()
    clerk.grant("tts", 1)
    clerk.let_go("tts", 3 * GB, GB)
    clerk.events.clear()
    clerk.ledger.end("tts", GB)
    clerk.ledger.free("tts", 1, 0)
    assert clerk.events == []
    assert clerk.ledger.pids == {}
