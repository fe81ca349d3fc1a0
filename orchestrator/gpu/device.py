"""What is leased: one GPU, or where there is none, the memory of the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared_schema.accounts import HOST

__all__ = ["HOST", "Device", "Meter"]


@dataclass(frozen=True)
class Device:
    """One GPU by its UUID, or the host by the name "cpu". `total` and `budget` in bytes.

    `budget` is what all workers together may hold at most, `reserve` what stays free of what there is.
    `capability` is CUDA's compute capability, (0, 0) for the host.
    """

    uuid: str
    name: str
    total: int
    budget: int
    capability: tuple[int, int] = (0, 0)
    reserve: int = 0

    @property
    def is_host(self) -> bool:
        """Whether it is host memory that is leased."""
        return self.uuid == HOST

    @property
    def kind(self) -> str:
        """What a person is told is passed on."""
        return "RAM" if self.is_host else "GPU"


class Meter(Protocol):
    """Sees what processes really hold of one device.

    `sees_processes` is False where the driver does not tell processes apart, None while that is not known.
    """

    @property
    def sees_processes(self) -> bool | None:
        """Whether bytes are known by process."""

    def held(self, pid: int) -> int:
        """Bytes that a process and its children hold now; 0 where it is gone."""

    def granted(self, pid: int) -> None:
        """A process is about to be granted the device: remember what there was before."""

    def claims(self, pid: int, held: int) -> None:
        """A process said that it holds so many bytes now."""

    def free(self) -> int:
        """Bytes that nobody holds now, whoever that may be."""
