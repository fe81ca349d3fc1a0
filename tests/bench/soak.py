"""How long the device takes from worker to worker, and a dead worker's successor to be there.

on the host      blocks of 256 MB, given back by freeing them
with torch       weights of the size of the models we know, moved by Residence: on a GPU where there is
                 one, else small ones to a second place in host memory
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from unittest.mock import patch

from orchestrator.gpu.arbiter import Arbiter, Leased, Placement
from orchestrator.gpu.device import HOST, Device
from orchestrator.gpu.events import Ended, Event, Freed, HandedOver, Started
from orchestrator.gpu.find import devices
from orchestrator.gpu.host import HostMeter
from orchestrator.gpu.keeper import MARGIN
from orchestrator.gpu.profiles import Mode, Settings, Way
from orchestrator.process import Launch
from orchestrator.restarts import RestartPolicy
from orchestrator.supervisor import Supervisor
from shared_schema.messages import Profile, Result, Task
from shared_schema.stages import SpeechParams, Stage
from tests.bench.handover import with_torch
from tests.bench.measure import ROOT, median, run, say
from tests.support.bed import Ear
from tests.support.weights_worker import stated

ROUNDS = 10
RESTARTS = 5
BLOCK = 256 << 20
MODELS = {"vision": 6_900_000_000, "lipsync": 1_900_000_000, "tts": 1_900_000_000}
"""Bytes of SDXL, MuseTalk and XTTS in fp16."""

SMALL = dict.fromkeys(MODELS, 400_000_000)


@dataclass
class Played:
    """What came of a soak: all events, when the rounds began, their seconds, those of each task's move."""

    events: list[Event] = field(default_factory=list)
    began: float = 0.0
    seconds: float = 0.0
    moves: list[float] = field(default_factory=list)


def main() -> None:
    """The host's part, and torch's where an environment has it."""
    _blocks()
    _weights()


def _blocks() -> None:
    script = ROOT / "tests/support/block_worker.py"

    def launch(name: str) -> Launch:
        variables = {"BLOCK_WORKER": name, "BLOCK_MIB": str(BLOCK >> 20), "OMP_NUM_THREADS": "1"}
        return Launch(name, (sys.executable, str(script)), environment=variables)

    device = Device(HOST, "host memory", 4 * BLOCK, 4 * BLOCK)
    settings = Settings(Profile(), Mode.EXCLUSIVE, Way.UNLOAD, "")
    _play("blocks of 256 MB", launch, Leased(device, HostMeter(), settings), _host_copy_rate())


def _weights() -> None:
    environment = with_torch()
    if environment is None:
        say("weights: skipped, no environment has torch", "`.venv/bin/nox -s torch` makes one")
        return
    script = ROOT / "tests/support/weights_worker.py"
    device, meter = devices(os.environ)[0]
    sizes, where = (SMALL, "cpu:0") if device.is_host else (MODELS, "cuda")

    def launch(name: str) -> Launch:
        variables = {"WEIGHTS_WORKER": name, "WEIGHTS_BYTES": str(sizes[name]), "WEIGHTS_DEVICE": where}
        return Launch(name, (str(environment.python_path), str(script)), environment=variables)

    rate = float(run([environment.python_path, script, "--copy-rate"], WEIGHTS_DEVICE=where).output)
    for mode in Mode:
        leased = Leased(device, meter, Settings(Profile(), mode, Way.OFFLOAD, ""))
        if mode is Mode.BUDGET:
            leased = replace(leased, device=replace(device, budget=_budget(sizes, device)))
        _play(f"weights, {mode}", launch, leased, rate)
    if device.is_host:
        say("weights on a GPU: skipped", "there is no GPU")


def _budget(sizes: Mapping[str, int], device: Device) -> int:
    """Bytes for the two largest and what the third keeps: not all of them fit."""
    smallest, *largest = sorted(sizes.values())
    peaks = sum(stated(size, on_gpu=not device.is_host).peak for size in largest)
    context = stated(smallest, on_gpu=not device.is_host).context
    return min(device.budget, int(MARGIN * peaks) + context)


def _host_copy_rate() -> float:
    import numpy as np

    source = np.ones(BLOCK, dtype=np.uint8)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        source.copy()
        seconds.append(time.perf_counter() - began)
    return BLOCK / median(seconds)


def _play(what: str, launch: Callable[[str], Launch], leased: Leased, rate: float) -> None:
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, AVATAR_HOME=home):
        played = asyncio.run(_rounds(launch, leased, home))
    _tell(what, leased.device, played, rate)


async def _rounds(launch: Callable[[str], Launch], leased: Leased, folder: str) -> Played:
    """Every worker in turn, many times; then the last one is killed a few times."""
    played = Played()
    placement = Placement([leased])
    at_once = RestartPolicy(starts=RESTARTS, pauses=(0.0,))
    supervisor = Supervisor(placement.bind(launch), on_event=played.events.append, restarts=at_once)
    async with supervisor, Arbiter(placement, supervisor, on_event=played.events.append) as arbiter:

        async def use(name: str) -> Result:
            _, hello = await supervisor.worker(name)
            (engine,) = hello.engines
            task = Task(name, 1, Stage.SPEECH, engine.name, folder, {}, SpeechParams("ok"), seed=0)
            async with arbiter.hold(name, engine) as holding:
                result = await holding.worker.run(task, Ear())
                holding.peaks = result.peaks
                return result

        for name in MODELS:  # the first time loads, and pins
            await use(name)
        played.events.clear()
        played.began = supervisor.now()
        for _ in range(ROUNDS):
            for name in MODELS:
                result = await use(name)
                played.moves.append(result.timings.get("moving", 0.0))
        played.seconds = supervisor.now() - played.began
        for _ in range(RESTARTS):
            worker, _ = await supervisor.worker(name)
            os.kill(worker.process.pid, signal.SIGKILL)
            await worker.gone()
            await use(name)
    return played


def _tell(what: str, device: Device, played: Played, rate: float) -> None:
    until = played.began + played.seconds
    made = [event for event in played.events if isinstance(event, HandedOver) and event.at <= until]
    freed = [event for event in played.events if isinstance(event, Freed) and event.said_s]
    size = median([event.bytes for event in made])
    say(f"{what}: given back each time", f"{size / 1e9:.2f} GB of {device.name}")
    say("  a plain copy of as much", f"{size / rate * 1000:.0f} ms")
    for part, values in (
        ("hand-over, from request to grant", [event.seconds for event in made]),
        ("until the worker said that it let go", [event.said_s for event in freed]),
        ("from then until it was seen free", [event.seconds - event.said_s for event in freed]),
        ("the next task's move to the device", played.moves),
        ("from a worker's death to its successor's Hello", _restarts(played.events)),
    ):
        if any(values):
            say(f"  {part}", f"median {median(values) * 1000:.0f} ms, p90 {_p90(values) * 1000:.0f} ms")
    say("  hand-overs a second, with a task each", f"{len(made) / played.seconds:.1f} of {len(made)}")


def _restarts(events: list[Event]) -> list[float]:
    """Seconds from each end that was not asked for to the same worker's next start."""
    ends: dict[str, float] = {}
    seconds = []
    for event in events:
        if isinstance(event, Ended) and event.why:
            ends[event.worker] = event.at
        elif isinstance(event, Started) and event.worker in ends:
            seconds.append(event.at - ends.pop(event.worker))
    return seconds


def _p90(values: list[float]) -> float:
    return sorted(values)[int(0.9 * (len(values) - 1) + 0.5)]
