"""A thread that does one thing after another with what it is given, while its giver goes on.

give(item) ── bounded queue ──> work(item), in order
    ^ raises <── its error ────────┘
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

__all__ = ["Follower"]

Item = TypeVar("Item")


class Follower(Generic[Item]):
    """A context manager: left, the thread is gone. What `work` raises comes out of `give`, or at the end.

    Left by an exception, what still waits is not done.
    """

    def __init__(self, name: str, work: Callable[[Item], None], waiting: int) -> None:
        """At most `waiting` items wait; then the giver does."""
        self._work = work
        self._items: queue.Queue[Item | None] = queue.Queue(waiting)
        self._left = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)

    @property
    def is_left(self) -> bool:
        """Whether nobody wants the rest any more."""
        return self._left.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def give(self, item: Item) -> None:
        """Have an item worked on; waits while the queue is full."""
        self._raise()
        self._items.put(item)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._left.set()
        self._items.put(None)
        self._thread.join()
        if kind is None:
            self._raise()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _follow(self) -> None:
        """After a failure items are still taken: who brings them must not wait in vain."""
        while (item := self._items.get()) is not None:
            if self._failure is None and not self._left.is_set():
                try:
                    self._work(item)
                except BaseException as error:  # noqa: BLE001 - raised in the other thread
                    self._failure = error
