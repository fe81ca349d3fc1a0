"""All devices of an orchestrator: which worker uses which, and whose turn it is on each.

Each device has a keeper and a lease of its own. A worker is bound to one device when it is first needed,
the one with the fewest workers, then the roomiest; its process sees no other (CUDA_VISIBLE_DEVICES).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from orchestrator.gpu.actions import Patience
from orchestrator.gpu.device import Device, Meter
from orchestrator.gpu.events import Listener
from orchestrator.gpu.holding import Holding, Need
from orchestrator.gpu.keeper import Keeper
from orchestrator.gpu.profiles import Mode, Settings
from orchestrator.process import Launch
from orchestrator.supervisor import Supervisor
from shared_schema.messages import EngineInfo, Memory

__all__ = ["Arbiter", "Leased", "Placement"]


@dataclass(frozen=True)
class Leased:
    """A device, what measures it, and how it is used."""

    device: Device
    meter: Meter
    settings: Settings


class Placement:
    """Which worker is bound to which device. Made before any worker starts, since a start needs it."""

    def __init__(self, devices: Sequence[Leased]) -> None:
        """`devices` must not be empty."""
        self.devices = list(devices)
        self._bound: dict[str, Leased] = {}

    def of(self, worker: str) -> Leased:
        """The device of a worker: the same one as long as this orchestrator lives."""
        if worker not in self._bound:
            self._bound[worker] = min(self.devices, key=self._preference)
        return self._bound[worker]

    def bind(self, launcher: Callable[[str], Launch]) -> Callable[[str], Launch]:
        """A launcher whose workers see their own device alone, and know its profile."""

        def launch(name: str) -> Launch:
            leased = self.of(name)
            return replace(launcher(name), device=leased.device.uuid, profile=leased.settings.profile)

        return launch

    def _preference(self, leased: Leased) -> tuple[int, int]:
        return sum(bound is leased for bound in self._bound.values()), -leased.device.total


class Arbiter:
    """Gives turns on devices. An async context manager: enter it inside the supervisor's."""

    def __init__(
        self,
        placement: Placement,
        supervisor: Supervisor,
        *,
        on_event: Listener = lambda _event: None,
        patience: Patience | None = None,
    ) -> None:
        self._placement = placement
        self.supervisor = supervisor
        self._on_event = on_event
        self._patience = patience
        self.keepers: dict[str, Keeper] = {}

    async def __aenter__(self) -> Self:
        for leased in self._placement.devices:
            self.keepers[leased.device.uuid] = Keeper(
                leased.device,
                leased.meter,
                leased.settings,
                self.supervisor,
                on_event=self._on_event,
                patience=self._patience,
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for keeper in self.keepers.values():
            await keeper.close()

    def on_gpu(self, worker: str) -> bool:
        """Whether a worker has a GPU to use."""
        return not self._placement.of(worker).device.is_host

    def side_by_side(self, first: str, second: str) -> bool:
        """Whether two workers may hold their devices at once; one that finds no room waits for the other."""
        one, other = self._placement.of(first), self._placement.of(second)
        return one is not other or self.keepers[one.device.uuid].lease.mode is Mode.BUDGET

    @asynccontextmanager
    async def hold(self, worker: str, engine: EngineInfo, job: str = "") -> AsyncIterator[Holding]:
        """A worker with the device that this engine needs, as `Keeper.hold`; at once where it needs none."""
        leased = self._placement.of(worker)
        memory = _stated(engine, leased)
        if memory is None:
            handle, _ = await self.supervisor.worker(worker)
            yield Holding(handle)
        else:
            need = Need(worker, engine.name, memory, job)
            async with self.keepers[leased.device.uuid].hold(need) as holding:
                yield holding


def _stated(engine: EngineInfo, leased: Leased) -> Memory | None:
    """What an engine states of this kind of memory; None where it states that it takes none."""
    if leased.device.is_host:
        return engine.host if engine.host.peak else None
    if leased.settings.profile.by_parts and engine.gpu_by_parts is not None:
        return engine.gpu_by_parts
    return engine.gpu
