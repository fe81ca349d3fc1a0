"""The lease of one device: who owns it, who must let go, and who is granted it next. No I/O, no clock.

    want, withdraw, finished ─┐                       ┌─> Begin   this task may run (Grant first, where new)
    loaded, released, gone ───┼──> Lease ── step() ───┼─> Ask     this worker shall let go
    seen (measured) ──────────┘                       ├─> End     this process would not: end it
                                                      └─> Refuse  this task cannot have the device

Memory is granted only when it was seen free: a worker that was asked counts as holding all its share until
it said so *and* its bytes were measured; one that died until nothing of it is measured. `Standing` in
`orchestrator.gpu.tenant` is the table of states. One step costs time linear in workers and waiting tasks.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.gpu.actions import Action, Ask, Begin, End, Patience, Refuse, Sight
from orchestrator.gpu.device import Device
from orchestrator.gpu.plan import Plan, Ticket
from orchestrator.gpu.profiles import Mode, Way
from orchestrator.gpu.tenant import Standing, Tenant
from orchestrator.words import size
from shared_schema.errors import DeviceStuck, DeviceTooSmall

__all__ = ["Lease"]


class Lease:
    """One device's lease. In `exclusive` mode one worker holds memory beyond its context, never two."""

    def __init__(
        self,
        device: Device,
        mode: Mode = Mode.EXCLUSIVE,
        way: Way = Way.OFFLOAD,
        plan: Plan | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.device = device
        self.mode = mode
        self.way = way
        self.plan = Plan() if plan is None else plan
        self.patience = patience or Patience()
        self.tenants: dict[str, Tenant] = {}
        self._epoch = 0
        self._uses = 0
        self._chosen: int | None = None
        self._blocked_since: float | None = None

    def want(self, ticket: Ticket) -> None:
        """A task waits for the device. DeviceTooSmall where it can never have what it needs."""
        if ticket.peak > self.device.budget:
            raise DeviceTooSmall(
                f"{ticket.engine} needs {size(ticket.peak)} of memory; {self.device.name} has"
                f" {size(self.device.budget)} to give.",
                "Choose another engine, a larger device (AVATAR_DEVICE), or more of it (AVATAR_BUDGET).",
            )
        self.tenants.setdefault(ticket.worker, Tenant(ticket.worker))
        self.plan.add(ticket)

    def withdraw(self, number: int) -> None:
        """A task does not wait any longer."""
        self.plan.remove(number)

    def finished(self, ticket: Ticket, peak: int = 0) -> None:
        """A task is over, however it ended. `peak` is the most bytes that were measured, if they were."""
        tenant = self.tenants[ticket.worker]
        if tenant.running is not None and tenant.running.number == ticket.number:
            tenant.running = None
            tenant.commitment = max(tenant.commitment, peak)

    def loaded(self, worker: str) -> None:
        """A worker has its weights in host memory, ahead of its turn."""
        tenant = self.tenants.get(worker)
        if tenant is not None and tenant.standing is Standing.OUT:
            tenant.standing = Standing.HOST

    def released(self, worker: str, epoch: int) -> None:
        """A worker said that it let go. It is believed once it was seen."""
        tenant = self.tenants.get(worker)
        if tenant is not None and tenant.standing is Standing.RELEASING and tenant.epoch == epoch:
            tenant.said_so = True

    def seen(self, worker: str, held: int) -> bool:
        """So many bytes of a worker were measured; whether that was the end of its holding the device."""
        tenant = self.tenants[worker]
        if tenant.standing not in (Standing.RELEASING, Standing.LEAVING) or not tenant.shows_free(held):
            return False
        tenant.settle()
        return True

    def gone(self, worker: str, now: float) -> None:
        """A worker's process has ended. Its memory may take a while to follow."""
        tenant = self.tenants.get(worker)
        if tenant is not None and tenant.standing is not Standing.LEAVING:
            tenant.standing, tenant.since = Standing.LEAVING, now
            tenant.running = None

    def step(self, now: float, sight: Sight) -> list[Action]:
        """What is to be done now. Call it after anything has happened, and while somebody waits."""
        actions: list[Action] = [*self._end_the_late(now)]
        blocked = self._admit(actions, sight)
        for tenant in self.tenants.values():
            if tenant.idle_owner:
                ticket = self._next_of(tenant, blocked)
                if ticket is not None and self._room_for(ticket, sight):
                    actions.append(self._begin(tenant, ticket))
                elif ticket is not None:
                    blocked = blocked or ticket
        if blocked is None:
            self._blocked_since = None
        else:
            actions.extend(self._make_room(blocked, now, sight))
        return actions

    def _next_of(self, owner: Tenant, blocked: Ticket | None) -> Ticket | None:
        """What an idle owner does next: first of all that for which room was made."""
        if blocked is not None and blocked.worker == owner.worker:
            return blocked
        return self.plan.next_of(owner.worker, contested=blocked is not None)

    def _end_the_late(self, now: float) -> Iterable[Action]:
        for tenant in self.tenants.values():
            waited = now - tenant.since
            if tenant.standing is Standing.RELEASING and waited > self.patience.release:
                tenant.standing, tenant.since = Standing.LEAVING, now
                yield End(tenant.worker, tenant.epoch, _why_ended(tenant, self.patience.release))
            elif tenant.standing is Standing.LEAVING and waited > self.patience.leaving:
                tenant.overdue = True

    def _admit(self, actions: list[Action], sight: Sight) -> Ticket | None:
        """Grant the device to as many as have room; who is next and has none."""
        while (head := self._head()) is not None:
            tenant = self.tenants[head.worker]
            if tenant.standing is Standing.OWNER:
                return head
            # The worker's own oldest task, which is not always the one for whose sake it was chosen.
            first = self.plan.next_of(head.worker, contested=False) or head
            if tenant.holds or not self._room_for(first, sight):
                return first
            self._epoch += 1
            tenant.standing, tenant.epoch = Standing.OWNER, self._epoch
            tenant.commitment = 0
            self.plan.begin_tenure(head.worker, self._owners())
            resume, tenant.suspended = tenant.suspended, False
            actions.append(self._begin(tenant, first, grant=self._grant(first, sight), resume=resume))
        return None

    def _head(self) -> Ticket | None:
        """The next to be admitted: whoever room is being made for already, else as the plan says."""
        chosen = self.plan.find(self._chosen)
        if chosen is not None:
            return chosen
        self._chosen = None
        return self.plan.head(self._owners())

    def _owners(self) -> set[str]:
        return {tenant.worker for tenant in self.tenants.values() if tenant.standing is Standing.OWNER}

    def _begin(
        self, tenant: Tenant, ticket: Ticket, grant: int | None = None, *, resume: bool = False
    ) -> Begin:
        self.plan.start(ticket)
        self._uses += 1
        tenant.running, tenant.used = ticket, self._uses
        tenant.commitment = max(tenant.commitment, ticket.peak)
        tenant.context = max(tenant.context, ticket.context)
        return Begin(ticket, tenant.epoch, grant, resume)

    def _others(self, worker: str) -> list[Tenant]:
        return [tenant for tenant in self.tenants.values() if tenant.worker != worker]

    def _limit(self, sight: Sight) -> int:
        return 0 if sight.rival else min(self.device.budget, sight.ours - self.device.reserve)

    def _room_for(self, ticket: Ticket, sight: Sight) -> bool:
        others = self._others(ticket.worker)
        if self.mode is Mode.EXCLUSIVE and any(tenant.holds for tenant in others):
            return False
        return sum(tenant.share for tenant in others) + ticket.peak <= self._limit(sight)

    def _grant(self, ticket: Ticket, sight: Sight) -> int:
        """What a new owner may hold: all that is left where it is alone, else what it said."""
        if self.mode is Mode.BUDGET:
            return ticket.peak
        return self._limit(sight) - sum(tenant.share for tenant in self._others(ticket.worker))

    def _make_room(self, ticket: Ticket, now: float, sight: Sight) -> list[Action]:
        """Ask idle owners, least recently used first; then even idle processes to go; else say why not."""
        self._chosen = ticket.number
        others = sorted(self._others(ticket.worker), key=lambda tenant: tenant.used)
        short = sum(tenant.will_keep for tenant in others) + ticket.peak - self._limit(sight)
        actions: list[Action] = []
        for tenant in others:
            if tenant.idle_owner and (short > 0 or self.mode is Mode.EXCLUSIVE):
                short -= tenant.share - (0 if self.way in (Way.EXIT, Way.SUSPEND) else tenant.context)
                actions.append(self._ask(tenant, self.way, now))
        under_way = actions or any(tenant.is_moving for tenant in self.tenants.values())
        if not under_way and short > 0:
            for tenant in others:
                if short > 0 and not tenant.holds and tenant.context > 0:
                    short -= tenant.context
                    self._epoch += 1
                    tenant.epoch = self._epoch
                    actions.append(self._ask(tenant, Way.EXIT, now))
        return actions or ([] if under_way else self._give_up(ticket, now, sight))

    def _ask(self, tenant: Tenant, way: Way, now: float) -> Ask:
        tenant.standing, tenant.way, tenant.since = Standing.RELEASING, way, now
        tenant.said_so = False
        return Ask(tenant.worker, tenant.epoch, way)

    def _give_up(self, ticket: Ticket, now: float, sight: Sight) -> list[Action]:
        """Nothing of ours is in the way that could go: tell who waits, at once or when patience is over."""
        stuck = next((tenant for tenant in self.tenants.values() if tenant.overdue), None)
        if stuck is None:
            self._blocked_since = now if self._blocked_since is None else self._blocked_since
            if now - self._blocked_since <= self.patience.others:
                return []
        self._blocked_since = None
        self._chosen = None
        self.plan.remove(ticket.number)
        return [Refuse(ticket.number, _why_refused(self.device, ticket, stuck, sight))]


def _why_ended(tenant: Tenant, seconds: float) -> str:
    if tenant.said_so and tenant.way is not Way.EXIT:
        allowed = 0 if tenant.goes else tenant.context
        return (
            f"The {tenant.worker} worker said that it had let go of the device, but {seconds:g} s after the"
            f" request it still held more than the {size(allowed)} it states; it was ended."
        )
    return f"The {tenant.worker} worker did not let go of the device within {seconds:g} s; it was ended."


def _why_refused(device: Device, ticket: Ticket, stuck: Tenant | None, sight: Sight) -> DeviceStuck:
    if stuck is not None:
        return DeviceStuck(
            f"Memory of the {stuck.worker} worker, which was ended, is still taken on {device.name}.",
            "See `nvidia-smi`; if it stays, the driver holds it: restart the machine.",
        )
    if sight.rival:
        return DeviceStuck(
            f"{device.name} is in the hands of {sight.rival}.", "Wait until it is done, or end it."
        )
    return DeviceStuck(
        f"{ticket.engine} needs {size(ticket.peak)}, but only {size(sight.ours)} of {device.name} are free or"
        " ours: other programs hold the rest.",
        "Close them, or choose another device (AVATAR_DEVICE).",
    )
