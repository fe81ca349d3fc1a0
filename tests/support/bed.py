"""A supervisor whose worker is the fake one, with deadlines short enough for tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.gpu.arbiter import Arbiter, Leased, Placement
from orchestrator.gpu.device import HOST
from orchestrator.gpu.host import HostMeter, host_device
from orchestrator.gpu.profiles import Mode, Settings, Way
from orchestrator.job import Job
from orchestrator.liveness import Deadlines
from orchestrator.process import Launch
from orchestrator.supervisor import Supervisor
from shared_schema.messages import Chunk, Profile, Progress, Task
from shared_schema.stages import SpeechParams, Stage

FAKE = Path(__file__).parent / "fake_worker.py"
HEARD = "heard"
"""The file by which the fake engine knows that its first report has arrived."""


@dataclass
class Ear:
    """Remembers what it hears of a task; `on_progress` lets a test act in the middle of one."""

    reports: list[Progress] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    on_progress: Callable[[Progress], None] = lambda _progress: None

    def progress(self, task: Task, progress: Progress) -> None:
        self.reports.append(progress)
        if progress.phase == "speaking":
            (Path(task.folder) / HEARD).touch()
        self.on_progress(progress)

    def chunk(self, _task: Task, _chunk: Chunk, data: bytes) -> None:
        self.chunks.append(data)


@dataclass
class Bed:
    """What a fault test is made with."""

    job: Job

    def supervisor(
        self,
        mode: str = "",
        *,
        python: str = "",
        lock: str = "",
        deadlines: dict[str, float] | None = None,
        environment: dict[str, str] | None = None,
        device: str = HOST,
        **options: Any,
    ) -> Supervisor:
        """`options` are the supervisor's own."""

        def launch(name: str) -> Launch:
            variables = {**({"FAKE_MODE": mode} if mode else {}), **(environment or {})}
            return Launch(
                name, (sys.executable, str(FAKE)), python, lock, environment=variables, device=device
            )

        limits = Deadlines(**{"ping_interval": 0.05, "stopping": 2.0, **(deadlines or {})})
        return Supervisor(launch, deadlines=limits, **options)

    @staticmethod
    def arbiter(supervisor: Supervisor) -> Arbiter:
        """Turns on this machine's memory."""
        leased = Leased(host_device(), HostMeter(), Settings(Profile(), Mode.BUDGET, Way.UNLOAD, "a test"))
        return Arbiter(Placement([leased]), supervisor)

    def task(self, behaviour: str, name: str = "t1", seed: int = 0) -> Task:
        params = SpeechParams(behaviour)
        return Task(name, 1, Stage.SPEECH, "fake", str(self.job.folder), {}, params, seed)
