"""A follower works in order while its giver goes on; its errors come out, and nobody waits in vain."""

from __future__ import annotations

import threading

import pytest

from lipsync_worker.follower import Follower

PATIENCE = 10.0


def followers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "test follower"]


def test_all_is_done_in_order_in_one_other_thread() -> None:
    done: list[int] = []
    threads: set[int] = set()

    def work(item: int) -> None:
        done.append(item)
        threads.add(threading.get_ident())

    with Follower("test follower", work, 2) as follower:
        for item in range(100):
            follower.give(item)
    assert done == list(range(100))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert followers() == []


def test_the_giver_goes_on_until_as_much_waits_as_may() -> None:
    may_go_on, begun = threading.Event(), threading.Event()

    def work(_item: int) -> None:
        begun.set()
        assert may_go_on.wait(PATIENCE)

    given: list[int] = []
    with Follower("test follower", work, 2) as follower:

        def give() -> None:
            for item in range(4):
                follower.give(item)
                given.append(item)

        giver = threading.Thread(target=give)
        giver.start()
        assert begun.wait(PATIENCE)
        giver.join(0.2)
        assert giver.is_alive(), "one is worked on and two wait: the fourth has no room"
        assert given == [0, 1, 2]
        may_go_on.set()
        giver.join(PATIENCE)
        assert given == [0, 1, 2, 3]


def fail(item: int) -> None:
    if item == 1:
        raise ValueError("the second")


def test_an_error_comes_out_of_the_next_give() -> None:
    given: list[int] = []
    failed = threading.Event()

    def work(_item: int) -> None:
        failed.set()
        raise ValueError("the first")

    def give_many() -> None:
        with Follower("test follower", work, 5) as follower:
            for item in range(100):
                follower.give(item)
                given.append(item)
                assert failed.wait(PATIENCE)

    with pytest.raises(ValueError, match="the first"):
        give_many()
    assert given in ([0], [0, 1])  # between telling and raising one more may slip in
    assert followers() == []


def test_what_waits_behind_an_error_is_not_done() -> None:
    done: list[int] = []
    may_go_on = threading.Event()

    def work(item: int) -> None:
        assert may_go_on.wait(PATIENCE)
        fail(item)
        done.append(item)

    def give_some() -> None:
        with Follower("test follower", work, 5) as follower:
            for item in range(5):
                follower.give(item)
            may_go_on.set()

    with pytest.raises(ValueError, match="the second"):
        give_some()
    assert done == [0]


def test_an_error_in_the_last_item_comes_out_at_the_end() -> None:
    def give_two() -> None:
        with Follower("test follower", fail, 5) as follower:
            follower.give(0)
            follower.give(1)

    with pytest.raises(ValueError, match="the second"):
        give_two()


def test_after_an_error_a_giver_does_not_wait_for_room() -> None:
    caught: list[BaseException] = []

    def give_on() -> None:
        try:
            with Follower("test follower", fail, 1) as follower:
                for item in range(10_000):
                    follower.give(item)
        except ValueError as error:
            caught.append(error)

    thread = threading.Thread(target=give_on)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert [str(error) for error in caught] == ["the second"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_errors_of_any_kind_come_out(error: type[BaseException]) -> None:
    def work(_item: int) -> None:
        raise error

    def give() -> None:
        with Follower("test follower", work, 1) as follower:
            follower.give(0)

    with pytest.raises(error):
        give()


@pytest.mark.parametrize("fails", [False, True])
def test_left_by_an_error_what_waits_is_not_done_and_the_error_is_the_givers(fails: bool) -> None:
    done: list[int] = []
    begun = threading.Event()

    def leave() -> None:
        with Follower("test follower", work, 5) as follower:
            followed.append(follower)
            for item in range(3):
                follower.give(item)
            assert begun.wait(PATIENCE)
            assert not follower.is_left
            raise KeyError("of the giver")

    def work(item: int) -> None:
        begun.set()
        while not followed[0].is_left:
            threading.Event().wait(0.001)
        done.append(item)
        if fails:
            raise ValueError("of the work")

    followed: list[Follower[int]] = []
    with pytest.raises(KeyError, match="of the giver"):
        leave()
    assert done == [0]
    assert followers() == []
