"""What a worker was asked and has not answered yet: which messages belong to it, and who waits.

A message that belongs to no request, for it answers an older attempt or an older epoch, is dropped.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

from orchestrator.feeding import Offer, feed_task
from shared_schema.errors import from_code
from shared_schema.feed import Feed
from shared_schema.messages import Chunk, Failed, Loaded, Progress, Released, Result, Task

__all__ = ["Listener", "Loading", "Releasing", "Reply", "Request", "Running"]

Reply = Progress | Chunk | Result | Failed | Loaded | Released
"""What a worker says in answer to a request."""

Answer = TypeVar("Answer")


class Listener(Protocol):
    """Who wants to hear of a task while it runs."""

    def progress(self, task: Task, progress: Progress) -> None:
        """A task went on."""

    def chunk(self, task: Task, chunk: Chunk, data: bytes) -> None:
        """A piece of a result came ahead of it."""


class Request(ABC, Generic[Answer]):
    """One request. Made inside the event loop; `answer` is set once, to a message or an exception."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    @abstractmethod
    def hear(self, reply: Reply, bulk: list[bytes]) -> bool:
        """Take a reply; whether it belonged here."""

    def fail(self, error: Exception) -> None:
        """Nothing will answer any more."""
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # heard, even where nobody waits for it any more

    def settle(self, answer: Answer) -> None:
        """Hand the answer to who waits."""
        if not self.answer.done():
            self.answer.set_result(answer)


class Running(Request[Result]):
    """A task under way; its attempt is the fencing token."""

    def __init__(self, task: Task, listener: Listener) -> None:
        super().__init__()
        self.task = task
        self._listener = listener

    def hear(self, reply: Reply, bulk: list[bytes]) -> bool:
        """Take what is of this very attempt."""
        if isinstance(reply, Loaded | Released) or self.answer.done():
            return False
        if (reply.task_id, reply.attempt) != (self.task.id, self.task.attempt):
            return False
        if isinstance(reply, Progress):
            self._listener.progress(self.task, reply)
        elif isinstance(reply, Chunk):
            self._listener.chunk(self.task, reply, bulk[0] if bulk else b"")
        elif isinstance(reply, Result):
            self.settle(reply)
        else:
            self.fail(_error(reply))
        return True

    async def answered(self, live: Mapping[str, Feed], offer: Offer) -> Result:
        """The answer, waited for; meanwhile the task is fed. Raises what a feed failed with, too.

        When this call is cancelled the answer is still to come.
        """
        feeding = asyncio.create_task(feed_task(self.task, live, offer))
        try:
            awaited: set[asyncio.Future[Any]] = {self.answer, feeding}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if feeding.done() and not self.answer.done():
                await feeding
            return await asyncio.shield(self.answer)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)


class Loading(Request[Loaded]):
    """An engine being brought into host memory."""

    def __init__(self, engine: str) -> None:
        super().__init__()
        self._engine = engine

    def hear(self, reply: Reply, _bulk: list[bytes]) -> bool:
        """Take what is of this engine, or the failure that is no task's."""
        if isinstance(reply, Loaded) and reply.engine == self._engine:
            self.settle(reply)
        elif isinstance(reply, Failed) and not reply.task_id:
            self.fail(_error(reply))
        else:
            return False
        return True


class Releasing(Request[Released]):
    """A device being given back."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def hear(self, reply: Reply, _bulk: list[bytes]) -> bool:
        """Take what is of this very epoch."""
        if not isinstance(reply, Released) or reply.epoch != self.epoch:
            return False
        self.settle(reply)
        return True


def _error(failed: Failed) -> Exception:
    return from_code(failed.code, failed.message, failed.hint, failed.traceback)
