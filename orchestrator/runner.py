"""Runs one stage of one job: worker, engine, task, artifacts."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from orchestrator.attempts import until_done
from orchestrator.choice import ANY_LANGUAGE, Want, choose
from orchestrator.chronicle import Chronicle
from orchestrator.gpu.arbiter import Arbiter
from orchestrator.gpu.events import Listener
from orchestrator.job import Job
from orchestrator.launcher import worker_of
from shared_schema.errors import AvatarError, WorkerError
from shared_schema.feed import Feed
from shared_schema.messages import Chunk, EngineInfo, FileRef, Progress, Result, Task
from shared_schema.stages import Outcome, Params, SpeechParams, Stage

__all__ = ["Runner", "StageReport", "Watcher"]


ChunkListener = Callable[[Stage, Chunk, bytes], None]
"""Told of pieces of results while they are made. It must neither block nor raise."""


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

    def repeated(self, stage: Stage, attempt: int, why: WorkerError) -> None:
        """A stage's worker died; this attempt follows."""

    def finished(self, report: StageReport) -> None:
        """A stage is done."""


class Runner:
    """Runs the stages of one job, each when it is its turn.

    `on_event` hears of each attempt at a task, `on_chunk` of pieces of results while they are made,
    `on_repeat` that a stage's worker died and the stage begins again.
    """

    def __init__(
        self,
        arbiter: Arbiter,
        job: Job,
        watcher: Watcher,
        seed: int,
        *,
        on_event: Listener = lambda _event: None,
    ) -> None:
        self._arbiter = arbiter
        self._supervisor = arbiter.supervisor
        self._job = job
        self._watcher = watcher
        self._seed = seed
        self._on_event = on_event
        self.on_chunk: ChunkListener = lambda _stage, _chunk, _data: None
        self.on_repeat: Callable[[Stage], None] = lambda _stage: None
        self._running: set[Stage] = set()

    async def pick(
        self, stage: Stage, params: Params, inputs: Collection[str], engine: str | None = None
    ) -> tuple[EngineInfo, str]:
        """The engine that a stage will take with these inputs, and why. Raises as `choose`."""
        worker = worker_of(stage, engine)
        _, hello = await self._supervisor.worker(worker)
        language = params.language if isinstance(params, SpeechParams) else ANY_LANGUAGE
        return choose(stage, hello.engines, Want(inputs, language, self._arbiter.on_gpu(worker), engine))

    def side_by_side(self, first: tuple[Stage, str | None], second: tuple[Stage, str | None]) -> bool:
        """Whether two stages, each with the engine that was named for it, can be at work at once."""
        return self._arbiter.side_by_side(worker_of(*first), worker_of(*second))

    async def run(
        self,
        stage: Stage,
        params: Params,
        inputs: dict[str, FileRef],
        engine: str | None = None,
        live: Mapping[str, Feed] | None = None,
    ) -> StageReport:
        """Run a stage and verify its artifacts. Raises AvatarError as the engine or the worker did.

        `live` are inputs that come while it runs.
        """
        began = time.monotonic()
        live = live or {}
        info, why = await self.pick(stage, params, {*inputs, *live}, engine)
        self._watcher.chosen(stage, info, why)
        task = Task(
            # Of its own: the worker remembers which attempts were cancelled, and this stage may come again.
            id=f"{self._job.id}-{stage}" + ("-live" if live else ""),
            attempt=1,
            stage=stage,
            engine=info.name,
            folder=str(self._job.folder),
            inputs=inputs,
            params=params,
            seed=self._seed,
            live=list(live),
        )
        try:
            result = await self._result(task, info, live)
        except AvatarError as error:
            error.message = self._job.in_users_words(error.message)
            raise
        report = self._report(stage, info, why, time.monotonic() - began, result)
        self._watcher.finished(report)
        return report

    async def _result(self, task: Task, engine: EngineInfo, live: Mapping[str, Feed]) -> Result:
        """Have a task done, again where its worker dies. TaskSetAside where it kills every one."""
        before = self._job.files()

        async def run(attempt: int) -> Result:
            return await self._attempt(msgspec.structs.replace(task, attempt=attempt), engine, live)

        def repeat(attempt: int, why: WorkerError) -> None:
            if self._running == {task.stage}:
                # Another stage's files could not be told from what the dead attempt left behind. They stay,
                # and the next attempt replaces those whose names it uses.
                self._job.discard_since(before)
            self._watcher.repeated(task.stage, attempt, why)
            self.on_repeat(task.stage)

        self._running.add(task.stage)
        try:
            return await until_done(task.stage, run, repeat)
        finally:
            self._running.discard(task.stage)

    async def _attempt(self, task: Task, engine: EngineInfo, live: Mapping[str, Feed]) -> Result:
        """One attempt at a task, when it is its turn on the device."""
        name, job = worker_of(task.stage, task.engine), self._job.id
        async with self._arbiter.hold(name, engine, job) as holding:
            told = Chronicle(self._on_event, self._supervisor.now, job=job, worker=name, task=task)
            relay = _Relay(task.stage, self._watcher, told, self.on_chunk)
            try:
                result = await told.of(holding.worker.run(task, relay, live))
            except WorkerError as error:
                # It may write until it is gone.
                await holding.worker.gone()
                if relay.shown:
                    raise _sent_in_part(error) from error
                raise
            holding.peaks = result.peaks
            return result

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

    def __init__(self, stage: Stage, watcher: Watcher, told: Chronicle, on_chunk: ChunkListener) -> None:
        self._stage = stage
        self._watcher = watcher
        self._told = told
        self._on_chunk = on_chunk
        self.shown = False
        """Whether a part of a video was passed on: who watches it cannot be shown another."""

    def progress(self, _task: Task, progress: Progress) -> None:
        self._told.enter(progress.phase)
        self._watcher.progressed(self._stage, progress)

    def chunk(self, _task: Task, chunk: Chunk, data: bytes) -> None:
        self.shown |= self._stage is Stage.LIPSYNC and bool(data)
        self._on_chunk(self._stage, chunk, data)


def _sent_in_part(error: WorkerError) -> WorkerError:
    """An error that is not repeated, whatever ended the worker."""
    return WorkerError(
        f"{error.message} A part of the video was sent already, so it is not made again.",
        error.hint,
        traceback=error.traceback,
    )
