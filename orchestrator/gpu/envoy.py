"""Takes a keeper's word to the workers: grants, requests to let go, loading ahead of a turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from orchestrator.gpu import suspend
from orchestrator.gpu.actions import Ask, Begin
from orchestrator.gpu.device import Device
from orchestrator.gpu.ledger import Ledger
from orchestrator.gpu.profiles import Way
from orchestrator.supervisor import Supervisor
from orchestrator.worker import Worker
from shared_schema.errors import AvatarError, WorkerError
from shared_schema.messages import ReleaseMode

__all__ = ["Envoy"]

log = logging.getLogger(__name__)


class Envoy:
    """The workers that have to do with one device, each as it was last granted."""

    def __init__(self, device: Device, supervisor: Supervisor, ledger: Ledger) -> None:
        self.workers: dict[str, Worker] = {}
        self._device = device
        self._supervisor = supervisor
        self._ledger = ledger

    async def grant(self, begin: Begin, size: int, is_on: Callable[[], bool]) -> None:
        """Grant `size` bytes to a worker, started where there is none. Raises why it cannot be had.

        `is_on` says whether that is still decided: meanwhile a process may have died.
        """
        name = begin.ticket.worker
        worker, hello = await self._supervisor.worker(name)
        if not is_on():
            return
        if begin.resume:
            await asyncio.to_thread(suspend.resume, hello.pid)
        self.workers[name], self._ledger.pids[name] = worker, hello.pid
        self._ledger.meter.granted(hello.pid)
        await worker.grant(begin.epoch, self._device.uuid, size)
        if is_on():
            self._ledger.grant(name, begin.epoch, size)

    async def check(self, name: str) -> None:
        """See a worker gone that has failed: its next task is for its successor. Raises if it stays."""
        worker = self.workers[name]
        if worker.failure is not None and not await worker.gone():
            raise worker.failure

    async def ask(self, ask: Ask) -> bool:
        """Have a worker let go; whether it said so. One that does not is ended."""
        name, worker = ask.worker, self.workers[ask.worker]
        try:
            if ask.way is Way.SUSPEND:
                await asyncio.to_thread(suspend.suspend, self._ledger.pids[name])
            else:
                await worker.release(ask.epoch, ReleaseMode(ask.way))
        except WorkerError as error:
            log.warning("The %s worker did not let go of %s: %s", name, self._device.name, error.message)
            worker.fail(error)
            return False
        self._ledger.hear(name)
        return True

    async def load(self, name: str, engine: str) -> bool:
        """Have an engine's weights in host memory by the time that the device is free; whether they are."""
        try:
            worker, _ = await self._supervisor.worker(name)
            await worker.load(engine)
        except AvatarError as error:
            # The task will meet the same, and tell it to whom it concerns.
            log.info("%s could not be loaded ahead: %s", engine, error.message)
            return False
        return True

    def fail(self, name: str, error: WorkerError) -> None:
        """End a worker's process, if it was ever granted."""
        if name in self.workers:
            self.workers[name].fail(error)
