"""Which worker uses which device, and that each device has a lease of its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from orchestrator.gpu.arbiter import Leased, Placement
from orchestrator.gpu.claim import Claim
from orchestrator.gpu.device import HOST, Device
from orchestrator.gpu.events import Waiting
from orchestrator.gpu.host import HostMeter
from orchestrator.gpu.profiles import Mode, Settings, Way
from orchestrator.job import Job
from orchestrator.process import Launch
from shared_schema.messages import Precision, Profile
from tests.support.blocks import blocks, host_device

GB = 1_000_000_000
FP16 = Profile("24", Precision.FP16, 16)


def leased(uuid: str, total: int = 24 * GB) -> Leased:
    settings = Settings(FP16, Mode.EXCLUSIVE, Way.OFFLOAD, "a test")
    return Leased(Device(uuid, f"card {uuid}", total, total), HostMeter(), settings)


def test_workers_are_spread_over_the_devices_and_stay_where_they_are() -> None:
    placement = Placement([leased("GPU-1"), leased("GPU-2")])
    first = {name: placement.of(name).device.uuid for name in ("tts", "vision", "lipsync")}
    assert sorted(first.values()) in (["GPU-1", "GPU-1", "GPU-2"], ["GPU-1", "GPU-2", "GPU-2"])
    assert first["tts"] != first["vision"]
    assert {name: placement.of(name).device.uuid for name in ("lipsync", "vision", "tts")} == first


def test_of_equally_empty_devices_the_roomier_is_taken() -> None:
    placement = Placement([leased("GPU-1", 8 * GB), leased("GPU-2", 24 * GB)])
    assert placement.of("vision").device.uuid == "GPU-2"


def test_a_worker_s_process_is_told_its_device_and_its_profile() -> None:
    launch = Placement([leased("GPU-1")]).bind(lambda name: Launch(name, ("python",), python="3.12"))("tts")
    assert launch == Launch("tts", ("python",), python="3.12", device="GPU-1", profile=FP16)


ALONE, SHARED = True, False


@pytest.mark.parametrize(
    ("first", "second", "free"),
    [(ALONE, ALONE, False), (ALONE, SHARED, False), (SHARED, ALONE, False), (SHARED, SHARED, True)],
)
def test_a_device_is_claimed_alone_or_shared(first: bool, second: bool, free: bool) -> None:
    device = host_device(1)
    one, other = Claim(device), Claim(device)
    assert one.take(alone=first) == ""
    assert (other.take(alone=second) == "") is free
    one.close()
    assert other.take(alone=second) == ""
    other.close()


def test_a_claim_names_its_holder_and_can_be_taken_again() -> None:
    device = host_device(1)
    one, other = Claim(device), Claim(device)
    assert one.take(alone=True) == one.take(alone=True) == ""
    assert "process" in other.take(alone=True)
    assert one.take(alone=False) == "", "it may be shared from now on"
    assert other.take(alone=False) == ""
    for claim in (one, other):
        claim.close()


def test_claims_on_two_devices_do_not_meet() -> None:
    device = host_device(1)
    one, other = Claim(device), Claim(replace(device, uuid="GPU-1"))
    assert one.take(alone=True) == other.take(alone=True) == ""
    one.close()
    other.close()


def test_what_was_measured_counts_more_than_what_was_stated() -> None:
    async def scenario() -> None:
        with Job() as job:
            async with blocks(job, host_device(1), mode=Mode.BUDGET) as made:
                keeper = made.arbiter.keepers[HOST]
                await made.use("tts")
                assert 0 < keeper._ledger.peaks["block"] < made.info().host.peak
                await made.use("tts")
                first, again = (event.needs for event in made.events if isinstance(event, Waiting))
                assert again < first

    asyncio.run(scenario())
