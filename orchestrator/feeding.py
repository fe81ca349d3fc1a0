"""Sends a task its live inputs while it runs.

    feed, a file in the job's folder ──Chunk 0, 1, 2 ... last──> worker

A worker that does not take them for a while holds up its own inputs and nothing else: they stay in the file,
and pings to the other workers go on.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping

from orchestrator.groups import first_error
from shared_schema.errors import WorkerCrashed
from shared_schema.feed import Feed, Reader
from shared_schema.limits import MIB
from shared_schema.messages import Chunk, Task

__all__ = ["Offer", "feed_task"]

PAUSE = 0.02
"""Seconds between two looks for more: beside the half second of a fragment nobody notices them."""

MOST = MIB
"""Bytes of one chunk: a worker that starts late gets twenty seconds of speech in one."""

Offer = Callable[[Chunk, bytes], Awaitable[bool]]
"""Sends a chunk where there is room; whether there was."""


async def feed_task(task: Task, live: Mapping[str, Feed], offer: Offer) -> None:
    """Send all of each feed, until its end or the worker's. Raises what a feed failed with.

    What ended the worker is told to whoever waits for the task's answer.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for name, feed in live.items():
                group.create_task(_feed_one(task, name, feed.reader(), offer))
    except BaseExceptionGroup as error:
        raise first_error(error) from None


async def _feed_one(task: Task, name: str, reader: Reader, offer: Offer) -> None:
    for sequence in itertools.count():
        # A feed belongs to no event loop, and a socket tells of room only to who waits for it.
        while (data := reader.read(MOST, patience=0)) is None:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE)
        chunk = Chunk(task.id, task.attempt, name, sequence, last=not data)
        try:
            while not await offer(chunk, data):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE)
        except WorkerCrashed:
            return
        if chunk.last:
            return
