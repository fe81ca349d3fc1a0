"""What a lease is told of memory, what it answers, and how long it waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.gpu.plan import Ticket
from orchestrator.gpu.profiles import Way
from shared_schema.errors import AvatarError

__all__ = ["Action", "Ask", "Begin", "End", "Patience", "Refuse", "Sight"]


@dataclass(frozen=True)
class Begin:
    """Run this task. `grant` is the bytes to grant first, None where its worker owns the device already."""

    ticket: Ticket
    epoch: int
    grant: int | None = None
    resume: bool = False


@dataclass(frozen=True)
class Ask:
    """Have a worker let go of the device."""

    worker: str
    epoch: int
    way: Way


@dataclass(frozen=True)
class End:
    """End a worker's process: it did not let go. `why` is a sentence for people."""

    worker: str
    epoch: int
    why: str


@dataclass(frozen=True)
class Refuse:
    """Tell who waits that this cannot be."""

    number: int
    error: AvatarError


Action = Begin | Ask | End | Refuse


@dataclass(frozen=True)
class Patience:
    """Seconds to wait: for a worker to let go, for a dead one's memory to be free, for other programs,
    and for a device that cannot be measured.
    """

    release: float = 30.0
    leaving: float = 30.0
    others: float = 600.0
    measuring: float = 5.0


@dataclass(frozen=True)
class Sight:
    """What was measured just now: bytes free on the device, and held by each worker's process.

    `rival` names another orchestrator that has the device; then nothing is free for us.
    """

    free: int
    held: Mapping[str, int] = field(default_factory=dict)
    rival: str = ""

    @property
    def ours(self) -> int:
        """Bytes that are free or in the hands of our own workers: what can be had at most."""
        return self.free + sum(self.held.values())
