"""Tells what becomes of one attempt at a task: it began, it entered phases, it was answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from orchestrator.gpu.events import Listener, Phase, TaskBegan, TaskEnded
from shared_schema.errors import AvatarError, Cancelled
from shared_schema.messages import Peaks, Result, Task

__all__ = ["Chronicle"]


class Chronicle:
    """The events of one attempt. `now` is the clock of events."""

    def __init__(
        self, on_event: Listener, now: Callable[[], float], *, job: str, worker: str, task: Task
    ) -> None:
        self._on_event = on_event
        self._now = now
        self._job = job
        self._worker = worker
        self._task = task
        self._phase = ""

    async def of(self, answer: Awaitable[Result]) -> Result:
        """What `answer` gives or raises, told as it begins and as it ends."""
        task = self._task
        self._on_event(
            TaskBegan(
                at=self._now(),
                job=self._job,
                task=task.id,
                attempt=task.attempt,
                stage=task.stage,
                worker=self._worker,
                engine=task.engine,
            )
        )
        failure, peaks = Cancelled.code, Peaks(0)
        try:
            result = await answer
            failure, peaks = "", result.peaks
        except AvatarError as error:
            failure = error.code
            raise
        finally:
            self._end(failure, peaks)
        return result

    def enter(self, phase: str) -> None:
        """The task reported progress in a phase, new or not."""
        if phase != self._phase:
            self._phase = phase
            task = self._task
            self._on_event(
                Phase(at=self._now(), task=task.id, attempt=task.attempt, worker=self._worker, name=phase)
            )

    def _end(self, failure: str, peaks: Peaks) -> None:
        self._on_event(
            TaskEnded(
                at=self._now(),
                task=self._task.id,
                attempt=self._task.attempt,
                worker=self._worker,
                failure=failure,
                host_peak=peaks.rss,
                gpu_peak=peaks.gpu,
            )
        )
