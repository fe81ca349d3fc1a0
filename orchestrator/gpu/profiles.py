"""Hardware profiles: how to use a device of this size. The table is `TABLE`; `settings` reads it.

What it is reckoned with, in GB (published weights, fp16, and the activations of one task):

                           weights   activations   CUDA context    peak
    SDXL, one picture        6.9         3             0.5          10.4
    MuseTalk, one batch      1.9         2             0.5           4.4
    XTTS, one sentence       1.9         1             0.5           3.4
                            10.7                                    18.2

Below 16 GB SDXL fits beside neither of the others, so one worker at a time is all there is to plan; from
16 GB on two of them fit, from 24 GB all three. 8 and 10 GB hold SDXL only by parts (its UNet alone is 5.1)
with the picture decoded in tiles. These are figures to start with; what a worker holds is measured when it
runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.gpu import suspend
from orchestrator.gpu.device import Device
from orchestrator.gpu.host import host_total, sees_all_processes
from orchestrator.words import size
from shared_schema.errors import EngineUnavailable, InputError
from shared_schema.messages import Precision, Profile

__all__ = ["TABLE", "Mode", "Row", "Settings", "Way", "settings"]

WEIGHTS = 10_700_000_000
"""Bytes that all engines together keep in host memory when they offload."""

# Weights in host memory, and half as much again for the processes that hold them and for reading the next.
HOST_FACTOR = 1.5

# Volta: every card since then computes fp16 faster than fp32. Never bf16 by itself: the published weights
# are fp16, and rounding their 11 bits of mantissa to bf16's 8 loses what no later step gives back.
FAST_FP16 = (7, 0)

# SDXL by parts: 5.1 GB, its activations in tiles 1 GB; both double in fp32. A CUDA context 0.5 GB.
LEAST_FOR_SDXL = {Precision.FP16: 6_600_000_000, Precision.FP32: 12_700_000_000}


class Mode(StrEnum):
    """How many workers may own the device at once."""

    EXCLUSIVE = "exclusive"
    BUDGET = "budget"


class Way(StrEnum):
    """How a worker lets go of the device."""

    OFFLOAD = "offload"
    UNLOAD = "unload"
    EXIT = "exit"
    SUSPEND = "suspend"


@dataclass(frozen=True)
class Row:
    """One line of the table: from `least` GiB on, as the driver reports them, a card is used like this.

    A card reports less than it is sold with: the driver and error correction take their part.
    """

    name: str
    least: float
    cards: str
    batch: int
    tiling: bool
    by_parts: bool
    mode: Mode


TABLE = (
    Row("8", 0, "10 GB and less", 4, tiling=True, by_parts=True, mode=Mode.EXCLUSIVE),
    Row("12", 10.5, "11 and 12 GB", 8, tiling=True, by_parts=False, mode=Mode.EXCLUSIVE),
    Row("16", 14.5, "16 and 20 GB", 8, tiling=False, by_parts=False, mode=Mode.BUDGET),
    Row("24", 21.5, "24 to 40 GB", 16, tiling=False, by_parts=False, mode=Mode.BUDGET),
    Row("48", 43.0, "48 GB", 32, tiling=False, by_parts=False, mode=Mode.BUDGET),
    Row("80", 75.0, "80 GB and more", 32, tiling=False, by_parts=False, mode=Mode.BUDGET),
)
"""The profiles of GPUs, smallest first."""

HOST_ROW = Row("cpu", 0, "no GPU", 1, tiling=False, by_parts=False, mode=Mode.BUDGET)

_ROWS = {row.name: row for row in (HOST_ROW, *TABLE)}


@dataclass(frozen=True)
class Settings:
    """How a device is used: what engines are told, how it is leased, and why so in one sentence."""

    profile: Profile
    mode: Mode
    way: Way
    why: str


def settings(
    device: Device, environment: Mapping[str, str], *, sees_processes: bool | None = True
) -> Settings:
    """How to use a device: by its size, or as AVATAR_PROFILE, AVATAR_LEASE and AVATAR_RELEASE say.

    `sees_processes` is the meter's; not known (None), it is taken to be so outside of containers.
    Raises InputError where a variable's value is none that there is, EngineUnavailable where it is
    `suspend` and this driver cannot.
    """
    row, row_why = _row(device, environment)
    precision = _precision(device, row)
    if not device.is_host and device.total < LEAST_FOR_SDXL[precision]:
        row_why += f", and SDXL will not fit even so in {precision}"
    mode, mode_why = _mode(device, row, environment, sees_processes=sees_processes)
    way, way_why = _way(device, environment)
    profile = Profile(row.name, precision, row.batch, row.tiling, row.by_parts)
    has = f"{device.name} has {size(device.total)}"
    why = f"{has}: {row_why}; {mode} because {mode_why}; {way} because {way_why}."
    return Settings(profile, mode, way, why[0].upper() + why[1:])


def _row(device: Device, environment: Mapping[str, str]) -> tuple[Row, str]:
    name = _choice("AVATAR_PROFILE", environment, tuple(_ROWS))
    if name:
        return _ROWS[name], f"profile {name} because AVATAR_PROFILE says so"
    if device.is_host:
        return HOST_ROW, f"profile {HOST_ROW.name}"
    size = device.total / 2**30
    row = max((row for row in TABLE if row.least <= size), key=lambda row: row.least)
    return row, f"profile {row.name}"


def _precision(device: Device, row: Row) -> Precision:
    return Precision.FP16 if device.capability >= FAST_FP16 and row is not HOST_ROW else Precision.FP32


def _mode(
    device: Device, row: Row, environment: Mapping[str, str], *, sees_processes: bool | None
) -> tuple[Mode, str]:
    name = _choice("AVATAR_LEASE", environment, tuple(Mode))
    if name:
        return Mode(name), "AVATAR_LEASE says so"
    if not device.is_host and sees_processes is False:
        return Mode.EXCLUSIVE, "the driver does not tell what each process holds"
    if not device.is_host and sees_processes is None and not sees_all_processes():
        return Mode.EXCLUSIVE, "in a container the driver may not tell what each process holds"
    if row.mode is Mode.EXCLUSIVE:
        return Mode.EXCLUSIVE, "this profile has room for one large engine at a time"
    return Mode.BUDGET, "several workers may fit"


def _way(device: Device, environment: Mapping[str, str]) -> tuple[Way, str]:
    name = _choice("AVATAR_RELEASE", environment, tuple(Way))
    if name == Way.SUSPEND:
        _require_suspend(device)
    if name:
        return Way(name), "AVATAR_RELEASE says so"
    if device.is_host:
        return Way.UNLOAD, "weights in host memory would stay in what is leased"
    if host_total() < WEIGHTS * HOST_FACTOR:
        return Way.UNLOAD, "host memory is too small to keep all weights"
    return Way.OFFLOAD, "host memory can keep all weights"


def _require_suspend(device: Device) -> None:
    if device.is_host:
        raise InputError("AVATAR_RELEASE is 'suspend', which only a GPU's memory can be.", "Unset it.")
    if reason := suspend.supported():
        raise EngineUnavailable(f"AVATAR_RELEASE is 'suspend'. {reason}", "Set AVATAR_RELEASE=offload.")


def _choice(variable: str, environment: Mapping[str, str], known: tuple[str, ...]) -> str:
    """A variable's value, empty where it is not set or "auto"."""
    value = environment.get(variable, "").strip().lower()
    if value in ("", "auto"):
        return ""
    if value not in known:
        raise InputError(f"{variable} is {value!r}.", f"It can be auto, {', '.join(known)}.")
    return value
