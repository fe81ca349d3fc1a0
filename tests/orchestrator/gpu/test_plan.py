"""Tasks are grouped by worker so that hand-overs are few, and nobody is passed over too often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.gpu.plan import Plan, Ticket

WORKERS = ["lipsync", "tts", "upscale", "vision"]


def ticket(number: int, worker: str) -> Ticket:
    return Ticket(number, worker, worker, f"job{number}")


def plan_of(*workers: str, bound: int = 4, late: int = 8) -> Plan:
    plan = Plan(bound, late)
    for number, worker in enumerate(workers):
        plan.add(ticket(number, worker))
    return plan


def drain(plan: Plan) -> list[str]:
    """Serve whoever waits, one owner at a time; the owners in their order, hand-overs only."""
    owners: list[str] = []
    while (head := plan.head(owners[-1:])) is not None or plan:
        contested = head is not None
        mine = plan.next_of(owners[-1], contested=contested) if owners else None
        if mine is None:
            assert head is not None
            owners.append(head.worker)
            plan.begin_tenure(head.worker)
            mine = plan.next_of(head.worker, contested=False)
        assert mine is not None
        plan.start(mine)
    return owners


def test_a_hundred_jobs_cost_two_hand_overs() -> None:
    plan = plan_of(*["tts", "vision", "lipsync"] * 100)
    owners = drain(plan)
    assert sorted(owners[:2]) == ["tts", "vision"]
    assert owners[2:] == ["lipsync"]


def test_the_owner_goes_on_with_what_it_can_do() -> None:
    plan = plan_of("tts", "vision")
    plan.begin_tenure("vision")
    following = plan.next_of("vision", contested=True)
    assert following is not None
    assert following.worker == "vision"


def test_the_oldest_goes_first_within_a_group() -> None:
    plan = plan_of("tts", "tts", "tts")
    plan.remove(0)
    following = plan.next_of("tts", contested=False)
    assert following is not None
    assert following.number == 1


def test_whoever_waits_longest_is_next_and_its_group_with_it() -> None:
    assert plan_of("vision", "tts", "tts").head([]) == ticket(0, "vision")
    assert plan_of("vision", "tts", "tts").head(["vision"]) == ticket(1, "tts")


def test_a_task_that_comes_again_takes_its_old_place() -> None:
    plan = plan_of("tts", "tts", "tts")
    plan.start(ticket(0, "tts"))
    plan.add(ticket(0, "tts"))
    assert [waiting.number for waiting in plan] == [0, 1, 2]
    assert plan.find(0) == ticket(0, "tts")
    assert plan.find(7) is None


def test_what_comes_late_is_served_to_a_limit_while_others_wait() -> None:
    plan = plan_of("tts", "vision", late=2)
    plan.begin_tenure("tts")
    served = 0
    for number in range(10, 20):
        plan.add(ticket(number, "tts"))
    while (following := plan.next_of("tts", contested=True)) is not None:
        plan.start(following)
        served += 1
    assert served == 1 + 2


def test_what_comes_late_is_served_without_limit_while_nobody_else_waits() -> None:
    plan = plan_of("tts", late=0)
    plan.begin_tenure("tts")
    plan.add(ticket(10, "tts"))
    for _ in range(2):
        following = plan.next_of("tts", contested=False)
        assert following is not None
        plan.start(following)
    assert not plan


def test_who_was_passed_over_too_often_goes_before_the_oldest() -> None:
    plan = plan_of("lipsync", "vision", bound=2)
    assert plan.head([]) == ticket(0, "lipsync")
    plan.begin_tenure("tts", owners=["lipsync"])
    assert [plan.passed_over(number) for number in (0, 1)] == [0, 1], "the first waits for its own worker"
    assert plan.head([]) == ticket(1, "vision")


@given(
    arrivals=st.lists(st.lists(st.sampled_from(WORKERS), max_size=6), min_size=1, max_size=60),
    bound=st.integers(len(WORKERS), 8),
    late=st.integers(0, 3),
)
def test_nobody_is_passed_over_more_often_than_the_bound(
    arrivals: list[list[str]], bound: int, late: int
) -> None:
    plan, owner, number = Plan(bound, late), "", 0
    for newcomers in [*arrivals, *[[] for _ in range(400)]]:
        for worker in newcomers:
            number += 1
            plan.add(ticket(number, worker))
        head = plan.head([owner])
        following = plan.next_of(owner, contested=head is not None)
        if following is None and head is not None:
            owner = head.worker
            plan.begin_tenure(owner)
            following = plan.next_of(owner, contested=False)
        assert all(plan.passed_over(waiting.number) <= bound for waiting in plan)
        if following is not None:
            plan.start(following)
    assert not plan


@pytest.mark.parametrize("steady", ["tts", "lipsync"])
def test_a_steady_stream_of_one_kind_starves_nobody(steady: str) -> None:
    plan = plan_of("vision", late=3)
    plan.begin_tenure(steady)
    for number in range(100, 110):
        plan.add(ticket(number, steady))
        following = plan.next_of(steady, contested=True)
        if following is None:
            break
        plan.start(following)
    head = plan.head([steady])
    assert following is None
    assert head is not None
    assert head.worker == "vision"
