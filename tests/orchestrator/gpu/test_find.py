"""Which devices are used: the GPUs that the user's variables leave, else the host's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.gpu.budget import gpu_reserve, wanted_budget
from orchestrator.gpu.find import devices
from orchestrator.gpu.host import HostMeter
from shared_schema.errors import InputError
from tests.support.stub_driver import MIB, RemoteError, StubDriver

GIB = 1 << 30
FIRST, SECOND, THIRD = "GPU-aaaa-1", "GPU-aabb-2", "GPU-cccc-3"
SMALL = 8 * GIB


@pytest.fixture
def three(driver: StubDriver) -> StubDriver:
    driver.gpus((FIRST, SMALL, SMALL - GIB), (SECOND, SMALL, SMALL), (THIRD, SMALL, SMALL))
    return driver


def chosen(driver: StubDriver, **environment: str) -> list[str]:
    return [device["uuid"] for device in driver.ask("devices", environment)]


def test_all_gpus_are_used_each_with_a_meter_of_its_own(three: StubDriver) -> None:
    found = three.ask("devices", {})
    assert [device["uuid"] for device in found] == [FIRST, SECOND, THIRD]
    assert {device["meter"] for device in found} == {"GpuMeter"}


def test_a_gpu_is_described_as_the_driver_has_it(driver: StubDriver) -> None:
    driver.gpus((FIRST, SMALL, SMALL - GIB), capability="7 5", name="NVIDIA GeForce RTX 2080 SUPER")
    (device,) = driver.ask("devices", {})
    assert device["name"] == "NVIDIA GeForce RTX 2080 SUPER"
    assert device["capability"] == [7, 5]
    assert device["total"] == SMALL
    assert device["reserve"] == gpu_reserve(SMALL)
    assert device["budget"] == SMALL - gpu_reserve(SMALL)


@pytest.mark.parametrize("libraries", ["none", "driver-not-loaded"])
def test_a_machine_without_a_driver_uses_its_memory(
    libraries: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = None if libraries == "none" else request.getfixturevalue("driver").environment["LD_LIBRARY_PATH"]
    with StubDriver(folder and Path(folder), tmp_path) as driver:
        driver.errors("init 9")
        (device,) = driver.ask("devices", {"CUDA_VISIBLE_DEVICES": "0"})
    assert (device["uuid"], device["meter"]) == ("cpu", "HostMeter")


def test_a_driver_without_gpus_leaves_the_memory(driver: StubDriver) -> None:
    assert chosen(driver) == ["cpu"]


@pytest.mark.parametrize(
    ("value", "uuids"),
    [
        ("0", [FIRST]),
        (FIRST, [FIRST]),
        ("gpu-cc", [THIRD]),
        ("2, GPU-aabb", [THIRD, SECOND]),
        ("1,GPU-aabb-2", [SECOND]),
        ("cpu", ["cpu"]),
        (" CPU ", ["cpu"]),
        ("", [FIRST, SECOND, THIRD]),
    ],
)
def test_avatar_device_chooses(three: StubDriver, value: str, uuids: list[str]) -> None:
    assert chosen(three, AVATAR_DEVICE=value) == uuids


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("3", "'3', which is not here"),
        ("GPU-aa", "'GPU-aa', which fits several"),
        ("0,,1", "'', which is not here"),
        ("MIG-1234", "'MIG-1234', which is not here"),
    ],
)
def test_a_device_that_there_is_not_is_refused_and_those_that_are_named(
    three: StubDriver, value: str, words: str
) -> None:
    with pytest.raises(RemoteError, match=words) as caught:
        chosen(three, AVATAR_DEVICE=value)
    assert caught.value.name == "InputError"
    assert all(f"{index} ({uuid}" in str(caught.value) for index, uuid in enumerate([FIRST, SECOND, THIRD]))


def test_gpus_and_the_host_are_not_leased_together(three: StubDriver) -> None:
    with pytest.raises(RemoteError, match="or cpu alone"):
        chosen(three, AVATAR_DEVICE="0,cpu")


def test_a_gpu_where_there_is_none_is_refused(driver: StubDriver) -> None:
    with pytest.raises(RemoteError, match=r"'0', which is not here. There is: cpu\."):
        chosen(driver, AVATAR_DEVICE="0")


@pytest.mark.parametrize(
    ("value", "uuids"),
    [("1", [SECOND]), (f"{THIRD},0", [THIRD, FIRST]), ("", ["cpu"]), ("-1", ["cpu"])],
)
def test_what_is_hidden_from_cuda_is_not_used(three: StubDriver, value: str, uuids: list[str]) -> None:
    assert chosen(three, CUDA_VISIBLE_DEVICES=value) == uuids


def test_a_hidden_gpu_cannot_be_chosen_and_indices_stay_the_driver_s(three: StubDriver) -> None:
    assert chosen(three, CUDA_VISIBLE_DEVICES="2,1", AVATAR_DEVICE="1") == [SECOND]
    with pytest.raises(RemoteError, match="AVATAR_DEVICE names '0'"):
        chosen(three, CUDA_VISIBLE_DEVICES="2,1", AVATAR_DEVICE="0")


def test_a_gpu_that_does_not_answer_is_left_out_with_a_warning(three: StubDriver) -> None:
    three.errors("handle1 15")
    assert chosen(three) == [FIRST, THIRD]
    (warning,) = three.ask("warnings")
    assert "GPU 1 is left out" in warning
    assert "GPU is lost" in warning


def test_where_no_gpu_answers_that_is_the_error(three: StubDriver) -> None:
    three.errors("memory 15")
    with pytest.raises(RemoteError, match="GPU is lost") as caught:
        chosen(three)
    assert caught.value.name == "DeviceFailed"


def test_a_broken_driver_is_an_error_but_not_for_who_wants_no_gpu(three: StubDriver) -> None:
    three.errors("init 18")
    with pytest.raises(RemoteError, match="AVATAR_DEVICE=cpu") as caught:
        chosen(three)
    assert caught.value.name == "EngineUnavailable"
    assert chosen(three, AVATAR_DEVICE="cpu") == ["cpu"]


def test_the_host_is_measured_by_its_own_meter_and_budget() -> None:
    ((device, meter),) = devices({"AVATAR_DEVICE": "cpu", "AVATAR_BUDGET": "300MB"})
    assert device.is_host
    assert device.budget == 300_000_000
    assert isinstance(meter, HostMeter)


@pytest.mark.parametrize(("total", "reserve"), [(SMALL, SMALL // 20), (2 * GIB, 256 * MIB), (MIB, MIB)])
def test_a_twentieth_of_a_gpu_and_at_least_256_mib_stay_in_reserve(total: int, reserve: int) -> None:
    assert gpu_reserve(total) == reserve


def test_a_wanted_budget_may_go_into_the_reserve(driver: StubDriver) -> None:
    driver.gpus((FIRST, SMALL, SMALL))
    (device,) = driver.ask("devices", {"AVATAR_BUDGET": "100%"})
    assert (device["budget"], device["reserve"]) == (SMALL, 0)
    (device,) = driver.ask("devices", {"AVATAR_BUDGET": "50%"})
    assert (device["budget"], device["reserve"]) == (SMALL // 2, gpu_reserve(SMALL))


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("1000000", 1_000_000),
        ("6GB", 6_000_000_000),
        ("6.5GiB", 6_979_321_856),
        ("80%", 8 * GIB * 80 // 100),
        ("512 mib", 512 * MIB),
        ("100%", 8 * GIB),
        ("2000000 kB", 2_000_000_000),
        ("", None),
        (" ", None),
    ],
)
def test_a_budget_is_bytes_units_or_per_cent(text: str, bytes_: int | None) -> None:
    assert wanted_budget({"AVATAR_BUDGET": text}, "card", SMALL) == bytes_


@pytest.mark.parametrize("text", ["many", "6 apples", "-1", "1e9", "GB", "6GB 7GB", "0x10", "nan"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not an amount"):
        wanted_budget({"AVATAR_BUDGET": text}, "card", SMALL)


@pytest.mark.parametrize("text", ["0", "0%", "9GiB", "101%"])
def test_more_than_there_is_and_nothing_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"card has 8\.6 GB"):
        wanted_budget({"AVATAR_BUDGET": text}, "card", SMALL)
