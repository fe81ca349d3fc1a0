"""Which devices to use: the GPUs of this machine as far as the user lets us, else the host's memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from orchestrator.gpu import nvml
from orchestrator.gpu.budget import gpu_reserve, wanted_budget
from orchestrator.gpu.device import HOST, Device, Meter
from orchestrator.gpu.host import HostMeter, host_device
from orchestrator.gpu.meter import GpuMeter
from orchestrator.gpu.nvml import Gpu
from shared_schema.errors import InputError

__all__ = ["devices"]


def devices(environment: Mapping[str, str]) -> list[tuple[Device, Meter]]:
    """The devices to lease, in the order that the user names them, else in NVML's; never none.

    `CUDA_VISIBLE_DEVICES` (UUIDs, or indices) hides GPUs, as it does from CUDA. `AVATAR_DEVICE` chooses of
    the others: UUIDs, unique beginnings of them, indices, or "cpu" alone. Indices are those of nvidia-smi,
    in the order of PCI bus addresses; CUDA itself counts the fastest first unless CUDA_DEVICE_ORDER says
    PCI_BUS_ID, so that on a machine of different GPUs only UUIDs mean the same to everybody.

    Raises InputError where a variable names what there is not, and what `nvml.gpus` raises.
    """
    wanted = environment.get("AVATAR_DEVICE", "").strip()
    if wanted.lower() == HOST:
        return [_host(environment)]
    present = nvml.gpus()
    visible = _visible(environment, present)
    if wanted:
        visible = _named("AVATAR_DEVICE", wanted, visible)
    return [_leased(gpu, environment) for gpu in visible] or [_host(environment)]


def _host(environment: Mapping[str, str]) -> tuple[Device, Meter]:
    return _as_wanted(host_device(), environment), HostMeter()


def _leased(gpu: Gpu, environment: Mapping[str, str]) -> tuple[Device, Meter]:
    total = gpu.memory.total
    reserve = gpu_reserve(total)
    device = Device(gpu.uuid, gpu.name, total, total - reserve, gpu.capability, reserve)
    return _as_wanted(device, environment), GpuMeter(gpu.uuid)


def _as_wanted(device: Device, environment: Mapping[str, str]) -> Device:
    """With the budget that the user wants; it may go into the reserve."""
    budget = wanted_budget(environment, device.name, device.total)
    if budget is None:
        return device
    return replace(device, budget=budget, reserve=min(device.reserve, device.total - budget))


def _visible(environment: Mapping[str, str], present: list[Gpu]) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves. Empty or -1 hides all, as for CUDA."""
    value = environment.get("CUDA_VISIBLE_DEVICES")
    if value is None or not present:
        return present
    if value.strip() in ("", "-1"):
        return []
    return _named("CUDA_VISIBLE_DEVICES", value, present)


def _named(variable: str, value: str, choice: list[Gpu]) -> list[Gpu]:
    """The GPUs that a list names, each once."""
    found: dict[str, Gpu] = {}
    for name in (part.strip() for part in value.split(",")):
        if name.lower() == HOST:
            raise InputError(f"{variable} is {value!r}.", f"It names GPUs, or {HOST} alone.")
        fitting = [gpu for gpu in choice if _fits(name, gpu)]
        if len(fitting) != 1:
            raise InputError(
                f"{variable} names {name!r}, which {'fits several GPUs' if fitting else 'is not here'}.",
                f"There {'are' if choice else 'is'}: {_choice(choice)}.",
            )
        found.setdefault(fitting[0].uuid, fitting[0])
    return list(found.values())


def _fits(name: str, gpu: Gpu) -> bool:
    if name.isdecimal():
        return int(name) == gpu.index
    return bool(name) and gpu.uuid.lower().startswith(name.lower())


def _choice(choice: list[Gpu]) -> str:
    return ", ".join([*(f"{gpu.index} ({gpu.uuid}, {gpu.name})" for gpu in choice), HOST])
