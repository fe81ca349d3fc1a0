"""A card of any size that is sold gets the profile of its size, and the variables have the last word."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.gpu import profiles
from orchestrator.gpu.device import HOST, Device
from orchestrator.gpu.profiles import HOST_ROW, TABLE, Mode, Settings, Way, settings
from shared_schema.errors import InputError
from shared_schema.messages import Precision, Profile
from tests.support.stub_driver import RemoteError, StubDriver

MIB = 1 << 20
PAGE = Path(__file__).parents[3] / "docs/reference/configuration.md"

# MiB as `nvidia-smi` shows them.
CARDS = {
    "Quadro P600": (2048, "8"),
    "GeForce GTX 1650": (4096, "8"),
    "GeForce RTX 2060": (6144, "8"),
    "GeForce RTX 3070": (7813, "8"),
    "GeForce RTX 4060": (8188, "8"),
    "GeForce RTX 3080": (10018, "8"),
    "GeForce RTX 2080 Ti": (11019, "12"),
    "GeForce RTX 3060": (11915, "12"),
    "GeForce RTX 4070": (12282, "12"),
    "Tesla T4 with ECC": (15109, "16"),
    "Tesla T4": (15360, "16"),
    "GeForce RTX 4080": (16376, "16"),
    "RTX 4000 Ada": (20475, "16"),
    "A10G": (22836, "24"),
    "L4": (23034, "24"),
    "GeForce RTX 3090": (24576, "24"),
    "GeForce RTX 4090": (24564, "24"),
    "GeForce RTX 5090": (32607, "24"),
    "A100 40GB": (40536, "24"),
    "L40S": (46068, "48"),
    "RTX A6000": (49140, "48"),
    "H100 80GB": (81559, "80"),
    "A100 80GB": (81251, "80"),
    "H200": (143771, "80"),
}


def card(mib: int = 24564, capability: tuple[int, int] = (8, 9)) -> Device:
    return Device("GPU-1", "Some Card", mib * MIB, mib * MIB, capability)


HOST_DEVICE = Device(HOST, "host memory", 32 << 30, 24 << 30)


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with memory enough, and not in a container."""
    monkeypatch.setattr(profiles, "host_total", lambda: 64 << 30)
    monkeypatch.setattr(profiles, "sees_all_processes", lambda: True)


def of(device: Device, *, sees: bool | None = True, **environment: str) -> Settings:
    return settings(device, environment, sees_processes=sees)


@pytest.mark.parametrize(("mib", "name"), CARDS.values(), ids=CARDS.keys())
def test_a_card_that_is_sold_gets_the_profile_of_its_size(mib: int, name: str) -> None:
    assert of(card(mib)).profile.name == name


def test_the_table_goes_up() -> None:
    assert TABLE[0].least == 0
    assert all(
        lower.least < higher.least and lower.batch <= higher.batch for lower, higher in pairwise(TABLE)
    )


def test_the_host_is_used_by_the_cpu_profile() -> None:
    found = of(HOST_DEVICE)
    assert found.profile == Profile("cpu", Precision.FP32, 1)
    assert (found.mode, found.way) == (Mode.BUDGET, Way.UNLOAD)


@pytest.mark.parametrize(
    ("mib", "mode"),
    [(8188, Mode.EXCLUSIVE), (12282, Mode.EXCLUSIVE), (15109, Mode.BUDGET), (81559, Mode.BUDGET)],
)
def test_a_card_below_16_gb_has_one_owner_at_a_time(mib: int, mode: Mode) -> None:
    assert of(card(mib)).mode is mode


def test_only_the_smallest_cards_hold_engines_by_parts_and_small_ones_decode_in_tiles() -> None:
    assert [row.name for row in TABLE if row.by_parts] == ["8"]
    assert [row.name for row in TABLE if row.tiling] == ["8", "12"]


@pytest.mark.parametrize(("mib", "fits"), [(4096, False), (6144, False), (7813, True)])
def test_a_card_that_sdxl_will_not_fit_says_so(mib: int, fits: bool) -> None:
    assert ("SDXL will not fit" in of(card(mib)).why) is not fits


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((6, 1), Precision.FP32), ((7, 0), Precision.FP16), ((7, 5), Precision.FP16), ((10, 0), Precision.FP16)],
)
def test_half_precision_from_volta_on(capability: tuple[int, int], precision: Precision) -> None:
    assert of(card(capability=capability)).profile.precision is precision


def test_in_full_precision_sdxl_needs_twice_the_card() -> None:
    assert "SDXL will not fit even so in fp32" in of(card(8188, (6, 1))).why


@pytest.mark.parametrize(
    ("sees", "host_ids", "mode"),
    [
        (True, False, Mode.BUDGET),
        (False, True, Mode.EXCLUSIVE),
        (None, True, Mode.BUDGET),
        (None, False, Mode.EXCLUSIVE),
    ],
)
def test_a_gpu_whose_processes_cannot_be_told_apart_has_one_owner(
    monkeypatch: pytest.MonkeyPatch, sees: bool | None, host_ids: bool, mode: Mode
) -> None:
    monkeypatch.setattr(profiles, "sees_all_processes", lambda: host_ids)
    assert of(card(), sees=sees).mode is mode


def test_a_host_too_small_for_all_weights_has_them_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(card()).way is Way.OFFLOAD
    monkeypatch.setattr(profiles, "host_total", lambda: 16_000_000_000)
    assert of(card()).way is Way.UNLOAD


@pytest.mark.parametrize("name", ["8", "12", "16", "24", "48", "80", "cpu"])
@pytest.mark.parametrize("device", [card(), HOST_DEVICE], ids=["gpu", "host"])
def test_avatar_profile_overrides_the_size(device: Device, name: str) -> None:
    found = of(device, AVATAR_PROFILE=name)
    row = next(row for row in (HOST_ROW, *TABLE) if row.name == name)
    assert (found.profile.name, found.profile.batch, found.mode) == (name, row.batch, row.mode)
    assert f"profile {name} because AVATAR_PROFILE says so" in found.why


def test_the_cpu_profile_is_in_full_precision_on_a_gpu_too() -> None:
    assert of(card(), AVATAR_PROFILE="cpu").profile.precision is Precision.FP32


def test_avatar_lease_overrides_even_what_cannot_be_seen() -> None:
    assert of(card(), sees=False, AVATAR_LEASE="budget").mode is Mode.BUDGET
    assert of(card(), AVATAR_LEASE="exclusive").mode is Mode.EXCLUSIVE
    assert of(HOST_DEVICE, AVATAR_LEASE="exclusive").mode is Mode.EXCLUSIVE


@pytest.mark.parametrize("way", ["offload", "unload", "exit"])
@pytest.mark.parametrize("device", [card(), HOST_DEVICE], ids=["gpu", "host"])
def test_avatar_release_overrides(device: Device, way: str) -> None:
    assert of(device, AVATAR_RELEASE=way).way is Way(way)


def test_auto_is_as_if_it_were_not_set() -> None:
    assert of(card(), AVATAR_PROFILE="auto", AVATAR_LEASE="auto", AVATAR_RELEASE="auto") == of(card())


@pytest.mark.parametrize("variable", ["AVATAR_PROFILE", "AVATAR_LEASE", "AVATAR_RELEASE"])
def test_a_value_that_there_is_not_is_refused_and_those_that_are_named(variable: str) -> None:
    with pytest.raises(InputError, match=rf"{variable} is 'huge'. It can be auto, \w+"):
        settings(card(), {variable: "huge"})


def test_only_a_gpu_s_memory_can_be_suspended() -> None:
    with pytest.raises(InputError, match="only a GPU"):
        of(HOST_DEVICE, AVATAR_RELEASE="suspend")


def test_suspend_is_for_drivers_that_can(driver: StubDriver) -> None:
    driver.gpus(("GPU-1", 24 << 30, 24 << 30))
    assert driver.ask("way", {"AVATAR_RELEASE": "suspend"}) == "suspend"
    driver.cuda("version 12020")
    with pytest.raises(RemoteError, match="suspending needs") as caught:
        driver.ask("way", {"AVATAR_RELEASE": "suspend"})
    assert caught.value.name == "EngineUnavailable"


def test_why_is_one_sentence_that_names_the_card_and_every_choice() -> None:
    why = of(card(), AVATAR_LEASE="exclusive").why
    assert why.startswith(
        "Some Card has 25.8 GB: profile 24; exclusive because AVATAR_LEASE says so; offload"
    )
    assert why.count(". ") == 0


def test_the_page_on_configuration_has_the_table() -> None:
    rows = [
        f"| `{row.name}` | {row.cards} | {f'{row.least:g}' if row.least else '-'}"
        f" | {'fp32' if row is HOST_ROW else 'fp16'} | {row.batch} | {'yes' if row.tiling else 'no'}"
        f" | {'yes' if row.by_parts else 'no'} | {row.mode} |"
        for row in (HOST_ROW, *TABLE)
    ]
    assert re.findall(r"^\| `\w+` \| .* \| (?:exclusive|budget) \|$", PAGE.read_text(), re.MULTILINE) == rows
