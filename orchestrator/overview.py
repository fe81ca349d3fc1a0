"""What this machine's devices and the orchestrators on it do at one moment, as they say and as measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from orchestrator.gpu.device import HOST, Device, Meter
from orchestrator.gpu.find import devices
from orchestrator.gpu.host import HostMeter, lives
from orchestrator.gpu.profiles import Settings, settings
from orchestrator.statusfile import Status, WorkerStatus, all_running

__all__ = ["Held", "Machine", "Overview", "Run", "Seen"]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A device as it is now. `free` is bytes that nobody at all holds; `why` tells of the profile."""

    uuid: str
    name: str
    kind: str
    total: int
    free: int
    lease: str
    release: str
    profile: str
    why: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's process: whether it lives, and the bytes that it holds of its device, None if unknown."""

    pid: int
    alive: bool
    bytes: int | None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """An orchestrator: what it says of itself, and its workers' processes in the same order, as seen."""

    status: Status
    seen: list[Held]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, and when it was looked at."""

    at: datetime
    devices: list[Seen]
    runs: list[Run]


class Machine:
    """Looks at devices that were found once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Find the devices; raises what `find.devices` and `profiles.settings` raise."""
        self._found = [
            (device, meter, settings(device, environment, sees_processes=meter.sees_processes))
            for device, meter in devices(environment)
        ]
        # A worker without a GPU holds host memory, also where GPUs are what is leased.
        self._meters: dict[str, Meter] = {HOST: HostMeter()}
        self._meters.update({device.uuid: meter for device, meter, _ in self._found})

    def look(self) -> Overview:
        """Read what the orchestrators say, and measure."""
        runs = [
            Run(status=status, seen=[self._held(worker) for worker in status.workers])
            for status in all_running()
        ]
        return Overview(at=datetime.now(UTC), devices=[_seen(*found) for found in self._found], runs=runs)

    def _held(self, worker: WorkerStatus) -> Held:
        meter = self._meters.get(worker.device)
        held = None if meter is None else meter.held(worker.pid)
        if meter is not None and not held and not meter.sees_processes:
            # Nothing is listed of it, and nobody knows whether this driver lists anybody.
            held = None
        return Held(pid=worker.pid, alive=lives(worker.pid), bytes=held)


def _seen(device: Device, meter: Meter, choice: Settings) -> Seen:
    return Seen(
        uuid=device.uuid,
        name=device.name,
        kind=device.kind,
        total=device.total,
        free=meter.free(),
        lease=choice.mode.value,
        release=choice.way.value,
        profile=choice.profile.name,
        why=choice.why,
    )
