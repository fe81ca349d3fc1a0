"""The live inputs of the tasks that a worker was given: which chunk goes where, and which goes nowhere.

    Run(task, live=[...]) ──open──> a feed for each name
    Chunk of this attempt ──take──> its feed              of any other: dropped

The link's thread calls `open` and `take` in the order of the socket, so that no chunk comes before its feed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared_schema.errors import ProtocolError
from shared_schema.feed import Feed
from shared_schema.messages import Chunk, Task

__all__ = ["Feeds"]


@dataclass
class _Inlet:
    """A feed, and the number of the chunk that is next."""

    feed: Feed
    sequence: int = 0

    def take(self, chunk: Chunk, data: bytes) -> None:
        if chunk.sequence != self.sequence:
            self.feed.fail(
                ProtocolError(f"Chunk {chunk.sequence} of {chunk.name} arrived in place of {self.sequence}.")
            )
            return
        self.sequence += 1
        self.feed.append(data)
        if chunk.last:
            self.feed.close()


class Feeds:
    """The feeds of each attempt that has live inputs, from its Run until it is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inlets: dict[tuple[str, int], dict[str, _Inlet]] = {}

    def open(self, task: Task) -> None:
        """A task was given: from now on its chunks are taken."""
        if task.live:
            with self._lock:
                self._inlets[task.id, task.attempt] = {
                    name: _Inlet(Feed(Path(task.folder))) for name in task.live
                }

    def take(self, chunk: Chunk, data: bytes) -> None:
        """Take a piece of a live input; one that no task of now waits for is dropped.

        Out of order, it fails the feed with ProtocolError: a gap in speech would be heard, and seen.
        """
        with self._lock:
            inlet = self._inlets.get((chunk.task_id, chunk.attempt), {}).get(chunk.name)
            if inlet is not None:
                inlet.take(chunk, data)

    def of(self, task: Task) -> Mapping[str, Feed]:
        """The feeds of an attempt by name."""
        with self._lock:
            inlets = self._inlets.get((task.id, task.attempt), {})
            return {name: inlet.feed for name, inlet in inlets.items()}

    def discard(self, task: Task) -> None:
        """An attempt is done: what still comes for it is dropped."""
        with self._lock:
            for inlet in self._inlets.pop((task.id, task.attempt), {}).values():
                inlet.feed.discard()
