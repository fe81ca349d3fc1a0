"""Runs one stage of one job: worker, engine, task, artifacts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from orchestrator.choice import choose
from orchestrator.job import Job
from orchestrator.launcher import WORKER_OF
from orchestrator.supervisor import Supervisor
from shared_schema.errors import AvatarError
from shared_schema.messages import Chunk, EngineInfo, FileRef, Progress, Result, Task
from shared_schema.stages import Outcome, Params, Stage

__all__ = ["Runner", "StageReport", "Watcher"]


@dataclass(frozen=True)
class StageReport:
    """What a stage did: the engine it took and why, its seconds (by phase in `timings`), its memory."""

    stage: Stage
    engine: str
    version: str
    why: str
    seconds: float
    timings: dict[str, float]
    peak_rss: int
    outcome: Outcome
    files: dict[str, FileRef]


class Watcher(Protocol):
    """Who shows a person how it goes."""

    def chosen(self, stage: Stage, engine: EngineInfo, why: str) -> None:
        """An engine was taken for a stage."""

    def progressed(self, stage: Stage, progress: Progress) -> None:
        """A stage went on."""

    def finished(self, report: StageReport) -> None:
        """A stage is done."""


class Runner:
    """Runs the stages of one job on a supervisor's workers."""

    def __init__(self, supervisor: Supervisor, job: Job, watcher: Watcher, seed: int) -> None:
        self._supervisor = supervisor
        self._job = job
        self._watcher = watcher
        self._seed = seed

    async def run(
        self, stage: Stage, params: Params, inputs: dict[str, FileRef], engine: str | None = None
    ) -> StageReport:
        """Run a stage and verify its artifacts. Raises AvatarError as the engine or the worker did."""
        began = time.monotonic()
        worker, hello = await self._supervisor.worker(WORKER_OF[stage])
        info, why = choose(stage, hello.engines, inputs, engine)
        self._watcher.chosen(stage, info, why)
        task = Task(
            id=f"{self._job.id}-{stage}",
            attempt=1,
            stage=stage,
            engine=info.name,
            folder=str(self._job.folder),
            inputs=inputs,
            params=params,
            seed=self._seed,
        )
        try:
            result = await worker.run(task, _Relay(stage, self._watcher))
        except AvatarError as error:
            error.message = self._job.in_users_words(error.message)
            raise
        report = self._report(stage, info, why, time.monotonic() - began, result)
        self._watcher.finished(report)
        return report

    def _report(
        self, stage: Stage, info: EngineInfo, why: str, seconds: float, result: Result
    ) -> StageReport:
        return StageReport(
            stage=stage,
            engine=info.name,
            version=info.version,
            why=why,
            seconds=seconds,
            timings=result.timings,
            peak_rss=result.peaks.rss,
            outcome=result.outcome,
            files=self._job.accept(result),
        )


class _Relay:
    """Passes a task's progress on under its stage."""

    def __init__(self, stage: Stage, watcher: Watcher) -> None:
        self._stage = stage
        self._watcher = watcher

    def progress(self, _task: Task, progress: Progress) -> None:
        self._watcher.progressed(self._stage, progress)

    def chunk(self, _task: Task, _chunk: Chunk, _data: bytes) -> None:
        """No stage streams yet; the finished file holds all the same bytes."""
