"""Workers that really allocate (`block_worker`), and a device that is too small for two of them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from orchestrator.gpu.actions import Patience
from orchestrator.gpu.arbiter import Arbiter, Leased, Placement
from orchestrator.gpu.device import HOST, Device, Meter
from orchestrator.gpu.events import Event, HandedOver, Listener
from orchestrator.gpu.host import HostMeter
from orchestrator.gpu.profiles import Mode, Settings, Way
from orchestrator.job import Job
from orchestrator.liveness import Deadlines
from orchestrator.process import Launch
from orchestrator.restarts import RestartPolicy
from orchestrator.supervisor import Supervisor
from shared_schema.messages import EngineInfo, Memory, Profile, Result, Task
from shared_schema.stages import SpeechParams, Stage
from shared_schema.worker import describe
from tests.support.bed import Ear
from tests.support.block_worker import CONTEXT, NEED, SIZE, Block

BLOCK_WORKER = Path(__file__).with_name("block_worker.py")
WORKERS = ("tts", "vision", "lipsync")
DEADLINES = Deadlines(ping_interval=0.1, loading=4.0, running=4.0, releasing=60.0, stopping=2.0)
NO_LIMIT = RestartPolicy(starts=1_000_000, pauses=(0.0,))


def host_device(blocks: int, uuid: str = HOST) -> Device:
    """Host memory that has room for so many blocks, and the contexts of all three workers.

    With another `uuid` ("GPU-...") it passes for a GPU's: weights are loaded ahead, workers see it alone.
    """
    budget = blocks * SIZE + len(WORKERS) * CONTEXT
    return Device(uuid, "host memory" if uuid == HOST else "a stand-in", budget, budget)


@dataclass
class Blocks:
    """An orchestrator of block workers. `events` are all that happened."""

    job: Job
    supervisor: Supervisor
    arbiter: Arbiter
    device: Device
    events: list[Event] = field(default_factory=list)

    @property
    def hand_overs(self) -> list[HandedOver]:
        return [event for event in self.events if isinstance(event, HandedOver)]

    def info(self) -> EngineInfo:
        """What the workers say of their engine."""
        described = describe(Block)
        return described if self.device.is_host else replace(described, host=Memory(0), gpu=NEED)

    def task(self, behaviour: str = "ok", name: str = "t1", attempt: int = 1) -> Task:
        """A task for any of the workers."""
        folder, params = str(self.job.folder), SpeechParams(behaviour)
        return Task(name, attempt, Stage.SPEECH, "block", folder, {}, params, seed=0)

    async def use(self, worker: str, behaviour: str = "ok", name: str = "t1") -> Result:
        """One task on a worker, when it is its turn."""
        async with self.arbiter.hold(worker, self.info(), name) as holding:
            result = await holding.worker.run(self.task(behaviour, name), Ear())
            holding.peaks = result.peaks
            return result


@asynccontextmanager
async def blocks(
    job: Job,
    device: Device,
    *,
    mode: Mode = Mode.EXCLUSIVE,
    way: Way = Way.UNLOAD,
    meter: Meter | None = None,
    release_s: float = 1.0,
    measuring_s: float = 30.0,
    deadlines: Deadlines | None = None,
    variables: dict[str, str] | None = None,
    listener: Listener = lambda _event: None,
) -> AsyncIterator[Blocks]:
    """Three block workers on one device. `release_s` is how long one may take to let go."""
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        listener(event)

    placement = Placement([Leased(device, meter or HostMeter(), Settings(Profile(), mode, way, "a test"))])

    def launch(name: str) -> Launch:
        kind = {} if device.is_host else {"BLOCK_DEVICE": "stand-in"}
        environment = {"BLOCK_WORKER": name, "OMP_NUM_THREADS": "1", **kind, **(variables or {})}
        return Launch(name, (sys.executable, str(BLOCK_WORKER)), environment=environment)

    supervisor = Supervisor(
        placement.bind(launch),
        deadlines=deadlines or DEADLINES,
        on_event=hear,
        restarts=NO_LIMIT,
    )
    patience = Patience(release=release_s, leaving=30, others=30, measuring=measuring_s)
    async with (
        supervisor,
        Arbiter(placement, supervisor, on_event=hear, patience=patience) as arbiter,
    ):
        yield Blocks(job, supervisor, arbiter, device, events)
