"""A GPU's meter finds out whether the driver tells our processes apart, and measures either way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.eater import Eater
from tests.support.stub_driver import MIB, RemoteError, StubDriver, StubMeter, build

TOTAL = 8192 * MIB
GPU = "GPU-0123"


class Scene:
    """Two workers and a GPU of which some MiB are used, with what is listed."""

    def __init__(self, driver: StubDriver, first: Eater, second: Eater) -> None:
        self.driver = driver
        self.first, self.second = first, second
        self.meter = StubMeter(driver, GPU)
        self.used(0)

    def used(self, mib: int, *listed: str) -> None:
        self.driver.gpus((GPU, TOTAL, TOTAL - mib * MIB))
        self.driver.processes(*listed)

    def held(self, eater: Eater) -> int:
        return self.meter.held(eater.pid) // MIB


@pytest.fixture
def scene(driver: StubDriver) -> Iterator[Scene]:
    with Eater() as first, Eater() as second:
        yield Scene(driver, first, second)


def test_nothing_is_known_while_nobody_holds_anything(scene: Scene) -> None:
    assert scene.held(scene.first) == 0
    assert scene.meter.sees_processes is None


def test_a_listed_worker_shows_that_processes_are_told_apart(scene: Scene) -> None:
    scene.used(700, f"compute 0 {scene.first.pid} {500 * MIB}", f"compute 0 1 {200 * MIB}")
    assert scene.held(scene.first) == 500
    assert scene.meter.sees_processes is True


def test_a_process_that_computes_and_draws_is_counted_once(scene: Scene) -> None:
    pid = scene.first.pid
    scene.used(500, f"compute 0 {pid} {500 * MIB}", f"graphics 0 {pid} {500 * MIB}")
    assert scene.held(scene.first) == 500


def test_a_process_that_only_draws_counts(scene: Scene) -> None:
    scene.used(50, f"graphics 0 {scene.first.pid} {50 * MIB}")
    assert scene.held(scene.first) == 50


def test_a_gpu_that_cannot_draw_still_tells_who_computes(scene: Scene) -> None:
    scene.used(500, f"compute 0 {scene.first.pid} {500 * MIB}")
    scene.driver.errors("graphics 3")
    assert scene.held(scene.first) == 500
    assert scene.meter.sees_processes is True


def test_more_processes_than_there_was_room_for_are_all_read(scene: Scene) -> None:
    others = [f"compute 0 {2_000_000 + number} {MIB}" for number in range(40)]
    scene.used(540, *others, f"compute 0 {scene.first.pid} {500 * MIB}")
    assert scene.held(scene.first) == 500


def test_a_claim_without_a_listing_shows_that_the_driver_is_blind(scene: Scene) -> None:
    scene.used(100)
    scene.meter.granted(scene.first.pid)
    scene.used(600, f"compute 0 1 {500 * MIB}")  # process 1 exists here; it is none of our workers
    assert scene.held(scene.first) == 0
    scene.meter.claims(scene.first.pid, 450 * MIB)
    assert scene.meter.sees_processes is False
    assert scene.held(scene.first) == 500


def test_blindness_is_said_once(scene: Scene) -> None:
    scene.meter.granted(scene.first.pid)
    scene.used(600)
    for _ in range(3):
        scene.meter.claims(scene.first.pid, 450 * MIB)
        scene.held(scene.first)
    (warning,) = scene.driver.ask("warnings")
    assert GPU in warning
    assert "its total from now on" in warning


def test_a_small_claim_proves_nothing(scene: Scene) -> None:
    scene.meter.claims(scene.first.pid, 64 * MIB)
    assert scene.meter.sees_processes is None


def test_a_claim_of_an_ended_worker_proves_nothing(scene: Scene) -> None:
    scene.first.end()
    scene.meter.claims(scene.first.pid, 500 * MIB)
    assert scene.meter.sees_processes is None


def test_a_host_s_ids_that_mean_other_processes_here_do_not_count(scene: Scene) -> None:
    scene.used(500, f"compute 0 {scene.second.pid} {500 * MIB}")
    scene.meter.claims(scene.first.pid, 450 * MIB)
    assert scene.meter.sees_processes is False
    assert scene.held(scene.first) == 0


@pytest.mark.parametrize("listed", [(), (f"compute 0 4194305 {500 * MIB}",)], ids=["nobody", "the-host-s"])
def test_memory_that_nobody_here_took_shows_blindness_without_a_claim(
    scene: Scene, listed: tuple[str, ...]
) -> None:
    scene.meter.granted(scene.first.pid)
    scene.used(500, *listed)
    assert scene.held(scene.first) == 500
    assert scene.meter.sees_processes is False


def test_listing_without_bytes_is_blindness(scene: Scene) -> None:
    scene.meter.granted(scene.first.pid)
    scene.used(300, f"compute 0 {scene.first.pid} -1")
    assert scene.held(scene.first) == 300
    assert scene.meter.sees_processes is False


@pytest.mark.parametrize("code", [3, 4], ids=["not-supported", "no-permission"])
def test_a_driver_that_keeps_its_processes_to_itself_is_blind(scene: Scene, code: int) -> None:
    scene.meter.granted(scene.first.pid)
    scene.used(300)
    scene.driver.errors(f"compute {code}")
    assert scene.held(scene.first) == 300
    assert scene.meter.sees_processes is False


@pytest.fixture
def blind(scene: Scene) -> Scene:
    """The first worker owns the GPU and holds 500 MiB beside 100 of others; nobody is listed."""
    scene.used(100)
    scene.meter.granted(scene.first.pid)
    scene.used(600)
    scene.meter.claims(scene.first.pid, 500 * MIB)
    return scene


def test_blind_what_was_there_before_the_grant_is_not_the_owner_s(blind: Scene) -> None:
    assert blind.held(blind.first) == 500
    blind.used(60)
    assert blind.held(blind.first) == 0


def test_blind_a_released_worker_keeps_its_context_and_no_other_s_bytes(blind: Scene) -> None:
    blind.used(400)  # a context of 300 stays
    assert blind.held(blind.first) == 300
    blind.meter.granted(blind.second.pid)
    blind.used(1400)
    assert (blind.held(blind.first), blind.held(blind.second)) == (300, 1000)


def test_blind_a_context_counts_again_when_its_worker_is_granted_again(blind: Scene) -> None:
    blind.used(400)
    blind.meter.granted(blind.second.pid)
    blind.used(1400)
    blind.used(600)  # the second keeps 200
    blind.meter.granted(blind.first.pid)
    blind.used(1600)
    assert (blind.held(blind.first), blind.held(blind.second)) == (1300, 200)


def test_blind_a_context_is_not_counted_twice_when_its_worker_ends(blind: Scene) -> None:
    blind.used(400)
    blind.meter.granted(blind.second.pid)
    blind.used(600)  # the second keeps 200
    blind.meter.granted(blind.first.pid)
    blind.first.end()
    blind.used(300)
    assert (blind.held(blind.first), blind.held(blind.second)) == (0, 200)


def test_blind_a_second_grant_in_a_row_changes_nothing(blind: Scene) -> None:
    blind.meter.granted(blind.first.pid)
    assert blind.held(blind.first) == 500


def test_blind_an_ended_worker_s_context_is_not_taken_off_the_owner(blind: Scene) -> None:
    blind.used(400)
    blind.meter.granted(blind.second.pid)
    blind.used(1400)
    blind.first.end()
    blind.used(1100)
    assert (blind.held(blind.first), blind.held(blind.second)) == (0, 1000)


def test_blind_memory_that_an_ended_owner_has_not_given_back_is_still_held(blind: Scene) -> None:
    blind.first.end()
    assert blind.held(blind.first) == 500
    blind.used(100)
    assert blind.held(blind.first) == 0


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        (15, "DeviceFailed", "GPU is lost"),
        (16, "DeviceFailed", "restart"),
        (18, "EngineUnavailable", "updated"),
        (10, "EngineUnavailable", "Timeout"),
        (999, "EngineUnavailable", "Unknown Error"),
    ],
)
def test_errors_of_the_driver_are_ours_and_in_words(scene: Scene, code: int, name: str, words: str) -> None:
    scene.driver.errors(f"memory {code}", f"compute {code}")
    for arguments in (("held", GPU, scene.first.pid), ("free", GPU)):
        with pytest.raises(RemoteError, match=words) as caught:
            scene.driver.ask(*arguments)
        assert caught.value.name == name


def test_a_driver_too_old_to_list_processes_says_so(tmp_path: Path) -> None:
    with StubDriver(build(tmp_path / "old", old=True), tmp_path) as driver, Eater() as eater:
        driver.gpus((GPU, TOTAL, TOTAL))
        with pytest.raises(RemoteError, match="too old"):
            StubMeter(driver, GPU).held(eater.pid)
