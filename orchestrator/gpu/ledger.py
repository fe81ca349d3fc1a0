"""What is known of each worker's memory on one device: by measuring, and from what was asked and answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.gpu.actions import Sight
from orchestrator.gpu.device import Device, Meter
from orchestrator.gpu.events import Freed, Granted, HandedOver, Listener
from orchestrator.gpu.profiles import Way
from shared_schema.messages import Peaks

__all__ = ["Ledger"]


@dataclass
class _Request:
    """A worker was asked to let go: how and when; what was measured of it before; when it said so."""

    mode: str
    at: float
    before: int
    said: float | None = None


@dataclass(frozen=True)
class _Return:
    """Bytes that one worker gave back, and when it was asked for them."""

    worker: str
    asked: float
    size: int


@dataclass
class Ledger:
    """One device's ledger. It tells `on_event` of each grant, each return and each hand-over."""

    device: Device
    meter: Meter
    now: Callable[[], float]
    on_event: Listener
    pids: dict[str, int] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    _requests: dict[str, _Request] = field(default_factory=dict)
    _returns: list[_Return] = field(default_factory=list)
    _owners: set[str] = field(default_factory=set)

    def held(self, worker: str) -> int:
        """Bytes that a worker's process holds now; 0 where it has none."""
        pid = self.pids.get(worker)
        return 0 if pid is None else self.meter.held(pid)

    def sight(self, rival: str) -> Sight:
        """All that can be seen now."""
        return Sight(self.meter.free(), {worker: self.held(worker) for worker in self.pids}, rival)

    def note_peaks(self, worker: str, engine: str, peaks: Peaks, context: int) -> None:
        """A task reported the most that it held; of a GPU without the CUDA context, which it states."""
        peak = peaks.rss if self.device.is_host else peaks.gpu and peaks.gpu + context
        self.peaks[engine] = max(self.peaks.get(engine, 0), peak)
        pid = self.pids.get(worker)
        if pid is not None:
            self.meter.claims(pid, peak)

    def grant(self, worker: str, epoch: int, size: int) -> None:
        """A worker was granted the device: a hand-over, if others gave back memory since the last."""
        now, uuid = self.now(), self.device.uuid
        self._owners.add(worker)
        self.on_event(Granted(at=now, worker=worker, device=uuid, epoch=epoch, bytes=size))
        returns, self._returns = [r for r in self._returns if r.worker != worker], []
        if returns:
            first = min(returns, key=lambda one: one.asked)
            total = sum(one.size for one in returns)
            self.on_event(
                HandedOver(
                    at=now,
                    device=uuid,
                    source=first.worker,
                    target=worker,
                    seconds=now - first.asked,
                    bytes=total,
                )
            )

    def ask(self, worker: str, way: Way, held: int) -> None:
        """A worker is asked to let go now, of so many bytes."""
        self._requests[worker] = _Request(way, self.now(), held)

    def hear(self, worker: str) -> None:
        """A worker said that it let go."""
        if worker in self._requests:
            self._requests[worker].said = self.now()

    def end(self, worker: str, owned: int) -> None:
        """A worker's process ended. `owned` bytes were set aside for it: more cannot be known any longer."""
        request = self._requests.get(worker)
        if request is None:
            self._requests[worker] = _Request("ended", self.now(), owned if worker in self.pids else 0)
        elif request.mode != Way.EXIT:
            request.mode = "ended"

    def free(self, worker: str, epoch: int, after: int) -> None:
        """A worker's memory was seen free; so many bytes of it are left."""
        now = self.now()
        request = self._requests.pop(worker, None) or _Request("ended", now, after)
        if request.mode in ("ended", Way.EXIT):
            self.pids.pop(worker, None)
        owned = worker in self._owners
        self._owners.discard(worker)
        if not owned and (request.mode == "ended" or request.before <= after):
            return  # nobody waited for it
        # An owner that did nothing gives back nothing, and is succeeded all the same.
        self._returns.append(_Return(worker, request.at, max(0, request.before - after)))
        self.on_event(
            Freed(
                at=now,
                worker=worker,
                device=self.device.uuid,
                epoch=epoch,
                mode=request.mode,
                before=request.before,
                after=after,
                said_s=0.0 if request.said is None else request.said - request.at,
                seconds=now - request.at,
            )
        )
