"""What a task wants of a device, and what it gets."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.worker import Worker
from shared_schema.messages import Memory, Peaks

__all__ = ["Holding", "Need"]


@dataclass(frozen=True)
class Need:
    """What a task wants of a device: the worker, its engine and what that states, and whose task it is."""

    worker: str
    engine: str
    memory: Memory
    job: str = ""


@dataclass
class Holding:
    """A turn on the device: the worker to use, and after its task the peaks that it reported."""

    worker: Worker
    peaks: Peaks | None = None
