"""One worker's standing towards a device."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.gpu.plan import Ticket
from orchestrator.gpu.profiles import Way

__all__ = ["Standing", "Tenant"]


class Standing(StrEnum):
    """Where a worker stands. `out`, `host` and `owner` last; the other two are on the way.

        standing    what happens                    then         what is done
        out         its engine was loaded           host
        out, host   its turn, its memory is free    owner        Grant(epoch + 1)
        owner       a task is done                  owner        the next of its tasks, if it is its turn
        owner       others wait, it is idle         releasing    Release(epoch, mode)
        releasing   Released of this epoch, and     host, out    host after offload and suspend,
                    no more than its context seen                out after unload
        releasing   the deadline passes             leaving      its process is ended
        out, host   even its context is in the way  releasing    Release(epoch + 1, exit)
        any         its process ends                leaving
        leaving     no memory of it is seen         out          the next need starts a new process
        leaving     the deadline passes             leaving      who waits is told that the device is stuck

    A message of another epoch than the tenant's changes nothing.
    """

    OUT = "out"
    HOST = "host"
    OWNER = "owner"
    RELEASING = "releasing"
    LEAVING = "leaving"


@dataclass
class Tenant:
    """A worker that has to do with the device. Bytes on the device.

    `commitment` is what is set aside for it while it is owner and until its memory was seen free, `context`
    what its process keeps afterwards. `used` grows with every use: the least is the least recent.
    `way` and `since` say how and when (monotonic seconds) it was last asked to let go; `said_so` that it
    answered; `overdue` that memory of its ended process is still seen after the deadline.
    """

    worker: str
    standing: Standing = Standing.OUT
    epoch: int = 0
    commitment: int = 0
    context: int = 0
    used: int = 0
    running: Ticket | None = None
    way: Way = Way.UNLOAD
    since: float = 0.0
    said_so: bool = False
    suspended: bool = False
    overdue: bool = False

    @property
    def holds(self) -> bool:
        """Whether the device's memory may still be in its hands."""
        return self.standing in (Standing.OWNER, Standing.RELEASING, Standing.LEAVING)

    @property
    def share(self) -> int:
        """Bytes that nobody else can have because of it."""
        return max(self.commitment, self.context) if self.holds else self.context

    @property
    def idle_owner(self) -> bool:
        """Whether it owns the device and does nothing with it."""
        return self.standing is Standing.OWNER and self.running is None

    @property
    def will_keep(self) -> int:
        """Bytes of its share that stay taken when what is under way has come to its end."""
        if not self.is_moving or self.standing is Standing.OWNER:
            return self.share
        return 0 if self.standing is Standing.LEAVING or self.goes else self.context

    @property
    def is_moving(self) -> bool:
        """Whether its standing will change by itself."""
        leaving = self.standing is Standing.LEAVING and not self.overdue
        return leaving or self.standing is Standing.RELEASING or self.running is not None

    @property
    def goes(self) -> bool:
        """Whether it was asked to leave the device altogether."""
        return self.way in (Way.EXIT, Way.SUSPEND)

    def shows_free(self, held: int) -> bool:
        """Whether what was seen of it is what it may keep, and its own word was heard where there is one."""
        if self.standing is Standing.LEAVING:
            return held == 0
        return self.said_so and self.way is not Way.EXIT and held <= (0 if self.goes else self.context)

    def settle(self) -> None:
        """Its memory was seen free: from now on it holds its context at most."""
        ended = self.standing is Standing.LEAVING
        keeps_weights = not ended and self.way in (Way.OFFLOAD, Way.SUSPEND)
        self.standing = Standing.HOST if keeps_weights else Standing.OUT
        self.suspended = not ended and self.way is Way.SUSPEND
        self.context = 0 if ended or self.suspended else self.context
        self.commitment = 0
        self.overdue = False
