"""Carries out what one device's lease decides: grants, requests to let go, measurements, ends.

hold ──> Lease.want ─┐                        ┌─> worker.grant ──> the holder goes on
answers, ends ───────┼─> Lease.step ─ action ─┼─> worker.release ──> Lease.released
the meter ───────────┘                        ├─> worker.fail: its process is ended
                                              └─> the holder's error
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from orchestrator.gpu.actions import Action, Ask, Begin, End, Patience, Refuse, Sight
from orchestrator.gpu.claim import Claim
from orchestrator.gpu.device import Device, Meter
from orchestrator.gpu.envoy import Envoy
from orchestrator.gpu.events import Listener, Waiting, Withdrawn
from orchestrator.gpu.holding import Holding, Need
from orchestrator.gpu.lease import Lease
from orchestrator.gpu.ledger import Ledger
from orchestrator.gpu.plan import Ticket
from orchestrator.gpu.profiles import Mode, Settings, Way
from orchestrator.gpu.tenant import Standing
from orchestrator.supervisor import Supervisor
from orchestrator.worker import Worker
from shared_schema.errors import AvatarError, DeviceStuck, EngineFailed, WorkerError, WorkerHung
from shared_schema.messages import Peaks

__all__ = ["Keeper"]

log = logging.getLogger(__name__)

FLUX_INTERVAL = 0.02
"""Seconds between two looks while memory is on its way: a hand-over waits half of it on average."""

WAIT_INTERVAL = 1.0
"""Seconds between two looks while somebody waits and nothing of ours moves: other programs may."""

MARGIN = 1.1
"""What was measured varies from task to task; a tenth more is set aside."""


class Keeper:
    """The keeper of one device. Belongs to one event loop; close it before the workers are stopped."""

    def __init__(
        self,
        device: Device,
        meter: Meter,
        settings: Settings,
        supervisor: Supervisor,
        *,
        on_event: Listener = lambda _event: None,
        patience: Patience | None = None,
    ) -> None:
        self.device = device
        self.settings = settings
        self.lease = Lease(device, settings.mode, settings.way, patience=patience)
        self._meter = meter
        self._claim = Claim(device)
        self._supervisor = supervisor
        self._on_event = on_event
        self._ledger = Ledger(device, meter, supervisor.now, on_event)
        self._envoy = Envoy(device, supervisor, self._ledger)
        self._numbers = itertools.count(1)
        self._turns: dict[int, asyncio.Future[Worker]] = {}
        self._beginning: set[int] = set()
        self._unseen_since: float | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._due = asyncio.Event()
        supervisor.subscribe(self._gone)
        self._watcher = asyncio.create_task(self._watch())

    @asynccontextmanager
    async def hold(self, need: Need) -> AsyncIterator[Holding]:
        """The device, from when it is this task's turn until the block is left.

        Raises DeviceTooSmall, DeviceStuck, or what ended the worker before its turn came.
        """
        ticket = self._ticket(need)
        self.lease.want(ticket)
        turn = self._turns[ticket.number] = asyncio.get_running_loop().create_future()
        try:
            holding = Holding(await self._wait(need, ticket, turn))
            yield holding
            if holding.peaks is not None:
                self._note(ticket, holding.peaks)
        finally:
            self._turns.pop(ticket.number, None)
            self.lease.withdraw(ticket.number)
            if ticket.number not in self._beginning:
                self.lease.finished(ticket, self._ledger.peaks.get(ticket.engine, 0))
            self._due.set()

    async def _wait(self, need: Need, ticket: Ticket, turn: asyncio.Future[Worker]) -> Worker:
        job, worker, uuid = need.job, need.worker, self.device.uuid
        now = self._supervisor.now
        self._on_event(Waiting(at=now(), job=job, worker=worker, device=uuid, needs=ticket.peak))
        self._due.set()
        if not self.device.is_host and self.settings.way is Way.OFFLOAD:
            self._send_on(self._load_ahead(need))
        try:
            return await turn
        except BaseException:
            self._on_event(Withdrawn(at=now(), job=job, worker=worker, device=uuid))
            raise

    async def close(self) -> None:
        """Stop watching; whoever waits hears nothing more."""
        errands = [self._watcher, *self._errands]
        for errand in errands:
            errand.cancel()
        await asyncio.gather(*errands, return_exceptions=True)
        self._claim.close()

    def _ticket(self, need: Need) -> Ticket:
        """What was measured counts more than what is stated."""
        measured = int(self._ledger.peaks.get(need.engine, 0) * MARGIN)
        context = need.memory.context
        peak = max(min(measured, self.device.budget) or need.memory.peak, context)
        return Ticket(next(self._numbers), need.worker, need.engine, need.job, peak, context)

    def _note(self, ticket: Ticket, peaks: Peaks) -> None:
        try:
            self._ledger.note_peaks(ticket.worker, ticket.engine, peaks, ticket.context)
        except AvatarError as error:
            # The task is done all the same; whoever waits will hear of it.
            log.warning("%s could not be measured: %s", self.device.name, error.message)
        if self._meter.sees_processes is False and self.lease.mode is Mode.BUDGET:
            log.warning("Owners of %s cannot be told apart: one at a time from now on.", self.device.name)
            self.lease.mode = Mode.EXCLUSIVE

    async def _watch(self) -> None:
        """Step whenever something happened, and at intervals while memory is awaited."""
        while True:
            with contextlib.suppress(TimeoutError):  # then time itself is what happened
                await asyncio.wait_for(self._due.wait(), self._interval())
            self._due.clear()
            try:
                self._look()
                if self.lease.plan or self._moving():
                    rival = self._claim.take(alone=self.lease.mode is Mode.EXCLUSIVE)
                    sight = self._ledger.sight(rival)
                    self._act(self.lease.step(self._supervisor.now(), sight), sight)
                self._unseen_since = None
            except AvatarError as error:
                self._bear(error)
            except Exception as error:
                log.exception("The keeper of %s failed.", self.device.name)
                self._refuse_all(self._failed(error))

    def _bear(self, error: AvatarError) -> None:
        """The device could not be measured: that may pass. Else nobody can be granted it."""
        now = self._supervisor.now()
        if self._unseen_since is None:
            log.warning("%s cannot be measured: %s", self.device.name, error.message)
            self._unseen_since = now
        if now - self._unseen_since > self.lease.patience.measuring:
            self._refuse_all(
                DeviceStuck(f"{self.device.name} cannot be measured: {error.message}", error.hint)
            )

    def _interval(self) -> float | None:
        moving = self._moving()
        if self._unseen_since is None and any(not self.lease.tenants[name].overdue for name in moving):
            return FLUX_INTERVAL
        return WAIT_INTERVAL if self._unseen_since is not None or moving or self.lease.plan else None

    def _moving(self) -> list[str]:
        """The workers whose memory is on its way."""
        on_the_way = (Standing.RELEASING, Standing.LEAVING)
        return [name for name, tenant in self.lease.tenants.items() if tenant.standing in on_the_way]

    def _look(self) -> None:
        """Measure those whose memory is awaited."""
        for name in self._moving():
            after = self._ledger.held(name)
            if self.lease.seen(name, after):
                self._ledger.free(name, self.lease.tenants[name].epoch, after)

    def _act(self, actions: list[Action], sight: Sight) -> None:
        for action in actions:
            if isinstance(action, Begin):
                self._beginning.add(action.ticket.number)
                self._send_on(self._begin(action))
            elif isinstance(action, Ask):
                self._ledger.ask(action.worker, action.way, sight.held.get(action.worker, 0))
                self._send_on(self._ask(action))
            elif isinstance(action, End):
                log.warning("%s", action.why)
                # Now: its memory may be seen free before we hear that it is gone.
                self._ledger.end(action.worker, 0)
                self._envoy.fail(action.worker, WorkerHung(action.why))
            else:
                self._refuse(action)

    async def _begin(self, begin: Begin) -> None:
        """Tell the holder that it is its turn; before that its worker, where the device changes hands."""
        ticket = begin.ticket
        turn = self._turns.get(ticket.number)
        try:
            if begin.grant is None:
                await self._envoy.check(ticket.worker)
            else:
                await self._envoy.grant(begin, begin.grant, lambda: self._is_on(begin))
        except AvatarError as error:
            self._break_off(begin, turn, error)
        except Exception as error:
            log.exception("The keeper of %s failed.", self.device.name)
            self._break_off(begin, turn, self._failed(error))
        finally:
            self._beginning.discard(ticket.number)
            self._due.set()
        if turn is None or turn.cancelled():
            self.lease.finished(ticket)  # whoever wanted it has gone meanwhile
        elif turn.done():
            return
        elif self._is_on(begin):
            turn.set_result(self._envoy.workers[ticket.worker])
        else:
            self.lease.want(ticket)  # its worker died meanwhile: once more, with another

    def _is_on(self, begin: Begin) -> bool:
        """Whether the lease still says what it said when this was to begin."""
        tenant = self.lease.tenants[begin.ticket.worker]
        return tenant.epoch == begin.epoch and tenant.running == begin.ticket

    def _break_off(self, begin: Begin, turn: asyncio.Future[Worker] | None, error: AvatarError) -> None:
        """A turn cannot begin as the lease decided."""
        name = begin.ticket.worker
        if self._is_on(begin):
            # What its process holds, if it has one, nobody granted it: it cannot be asked to let go.
            self._envoy.fail(name, WorkerError(f"The {name} worker was not granted: {error.message}"))
            self._lose(name)
        if turn is not None and not turn.done():
            turn.set_exception(error)

    async def _ask(self, ask: Ask) -> None:
        if await self._envoy.ask(ask):
            self.lease.released(ask.worker, ask.epoch)
            self._due.set()

    async def _load_ahead(self, need: Need) -> None:
        if await self._envoy.load(need.worker, need.engine):
            self.lease.loaded(need.worker)

    def _refuse(self, refusal: Refuse) -> None:
        turn = self._turns.get(refusal.number)
        if turn is not None and not turn.done():
            turn.set_exception(refusal.error)

    def _refuse_all(self, error: AvatarError) -> None:
        """Nobody can be granted the device."""
        for ticket in list(self.lease.plan):
            self.lease.withdraw(ticket.number)
            self._refuse(Refuse(ticket.number, error))

    def _failed(self, error: BaseException) -> EngineFailed:
        return EngineFailed(f"The keeper of {self.device.name} failed: {error}")

    def _gone(self, name: str, pid: int) -> None:
        if self._ledger.pids.get(name) == pid:
            self._lose(name)

    def _lose(self, name: str) -> None:
        """A worker has no process any more, or never got one."""
        tenant = self.lease.tenants[name]
        self._ledger.end(name, tenant.share)
        self.lease.gone(name, self._supervisor.now())
        self._due.set()

    def _send_on(self, errand: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._returned)

    def _returned(self, errand: asyncio.Task[None]) -> None:
        self._errands.discard(errand)
        error = None if errand.cancelled() else errand.exception()
        if error is not None:
            log.error("The keeper of %s failed.", self.device.name, exc_info=error)
            self._refuse_all(self._failed(error))
