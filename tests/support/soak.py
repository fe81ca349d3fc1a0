"""Uses workers as many jobs would, for long, with mishaps among them; keeps account of every task."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Mapping

from orchestrator.attempts import until_done
from shared_schema.errors import TaskSetAside, WorkerError
from shared_schema.messages import Result
from shared_schema.stages import Stage
from tests.support.bed import Ear
from tests.support.blocks import WORKERS, Blocks
from tests.support.mishaps import Mishaps, Order

__all__ = ["Mistake", "Soak"]

CLIENTS = 4
"""Tasks that are wanted at once: some worker always waits, and few tenures serve more than two tasks."""

ROUNDS = 5
"""Tasks that each client asks for in one wave, one after the other."""


class Mistake(Exception):
    """What a holder's own code may raise in the middle of its turn."""


class Soak:
    """Tasks of mixed workers in waves. `shares` are the mishaps' shares of all tasks, by name.

    `answers` says of each task what came of it: done, set aside, cancelled, failed.
    """

    def __init__(self, made: Blocks, mishaps: Mishaps, shares: Mapping[str, float], seed: int) -> None:
        self.made = made
        self.answers: dict[str, str] = {}
        self.orders: dict[str, Order] = {}
        self.repeats: list[tuple[Order, int, str]] = []
        self.blamed: list[tuple[str, int]] = []
        self.mishaps = mishaps
        self._shares = dict(shares)
        self._random = random.Random(seed)
        self._numbers = itertools.count(1)
        self._info = made.info()
        self._due = list(shares)  # each once, whatever chance says
        self._random.shuffle(self._due)
        mishaps.attach(made)

    @property
    def tally(self) -> Counter[str]:
        """How many tasks came to which end."""
        return Counter(self.answers.values())

    async def wave(self) -> None:
        """Some clients at once; back when every one of their tasks is answered."""
        await asyncio.gather(*(self._client() for _ in range(CLIENTS)))

    async def use_each(self) -> None:
        """A plain task on every worker, so that each has a process that lives; nothing goes wrong."""
        self.mishaps.stop()
        for worker in WORKERS:
            await self._answer(Order(f"each-{next(self._numbers)}", worker))

    async def _client(self) -> None:
        for _ in range(ROUNDS):
            await asyncio.sleep(self._random.random() * 0.01)
            await self._answer(self._order())

    def _order(self) -> Order:
        number = next(self._numbers)
        name = f"task-{number}"
        worker = self._random.choice(WORKERS)
        chance = self._random.random()
        for mishap, share in self._shares.items():
            chance -= share
            if chance < 0:
                return Order(name, worker, mishap)
        if self._due and number % 4 == 0:
            return Order(name, worker, self._due.pop())
        return Order(name, worker)

    async def _answer(self, order: Order) -> None:
        """Have a task answered, and note how. Whatever else it raises is a fault of what is tested."""
        self.orders[order.name] = order
        task = asyncio.create_task(self._until_done(order))
        self.mishaps.watch(order, task)
        await asyncio.wait({task})
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            answer = "cancelled"
        elif error is None:
            answer = "done"
        elif isinstance(error, TaskSetAside):
            answer = "set aside"
        elif isinstance(error, Mistake):
            answer = "failed"
        else:
            raise error
        assert order.name not in self.answers
        self.answers[order.name] = answer
        self.mishaps.after(order)

    async def _until_done(self, order: Order) -> Result:
        def repeated(attempt: int, why: WorkerError) -> None:
            self.repeats.append((order, attempt, why.message))

        return await until_done(Stage.SPEECH, lambda attempt: self._attempt(order, attempt), repeated)

    async def _attempt(self, order: Order, attempt: int) -> Result:
        """As `orchestrator.runner` does it."""
        task = self.made.task(order.behaviour(attempt), order.name, attempt)
        async with self.made.arbiter.hold(order.worker, self._info, order.name) as holding:
            self.mishaps.turn(order)
            if order.mishap == "left at once":
                raise Mistake
            try:
                ear = Ear(on_progress=lambda progress: self.mishaps.heard(order, progress))
                result = await holding.worker.run(task, ear)
            except WorkerError:
                self.blamed.append((order.name, holding.worker.process.pid))
                await holding.worker.gone()
                raise
            holding.peaks = result.peaks
            if order.mishap == "mistake of the holder":
                raise Mistake
            return result
