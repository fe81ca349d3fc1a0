"""Repeats a task whose worker died of it, and sets it aside when it has killed as many as it may.

    attempt 1 ──crashed, hung, device failed──> attempt 2 ── the same ──> attempt 3 ── the same ──> set aside
        └── done, or an error of the engine, of the set-up, of the protocol: told at once

A worker may die by chance: a driver's fault, another program that took all memory. A task that kills every
worker is not chance. The attempt's number is the fencing token: late answers of an older one are dropped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared_schema.errors import DeviceFailed, TaskSetAside, WorkerCrashed, WorkerError, WorkerHung

__all__ = ["MOST_ATTEMPTS", "until_done"]

MOST_ATTEMPTS = 3

Answer = TypeVar("Answer")


async def until_done(
    stage: str,
    run: Callable[[int], Awaitable[Answer]],
    repeated: Callable[[int, WorkerError], None],
) -> Answer:
    """What `run(attempt)` returns. It must not return before the process of an attempt that died is gone.

    `repeated(attempt, why)` is called before each further attempt. TaskSetAside after the last; any other
    error, RestartLimit too, is not repeated.
    """
    attempt = 1
    while True:
        try:
            return await run(attempt)
        except (WorkerCrashed, WorkerHung, DeviceFailed) as error:
            if attempt == MOST_ATTEMPTS:
                raise _set_aside(stage, attempt, error) from error
            attempt += 1
            repeated(attempt, error)


def _set_aside(stage: str, attempts: int, last: WorkerError) -> TaskSetAside:
    return TaskSetAside(
        f"The {stage} stage was set aside: {attempts} attempts at it ended their workers. The last time: "
        f"{last.message}",
        f"Choose another engine, or change the input. {last.hint}".strip(),
        traceback=last.traceback,
    )
