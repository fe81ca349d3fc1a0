"""Who holds how much of a GPU, also where the driver does not tell our processes apart."""

from __future__ import annotations

import logging

from orchestrator.gpu import nvml
from orchestrator.gpu.host import family, lives

__all__ = ["GpuMeter"]

log = logging.getLogger(__name__)

NOTICEABLE = 64 << 20
"""Bytes: whoever holds more has a CUDA context, so it is listed wherever processes of ours are."""


class GpuMeter:
    """Measures one GPU: by process where NVML lists ours, else by the change of what is used in all.

    In a container without the host's process ids NVML lists nothing, or the host's ids, or ids without
    bytes (NVIDIA/nvidia-docker#179, #1483). That shows when a process claims memory and is not listed, or
    when memory was taken and none of the processes listed exists here. From then on the last process that
    was granted the GPU is held to account for all that was taken since, and each of the others for what was
    seen of it when the next was granted: exact while one worker owns the GPU at a time and no other program
    uses it. What cannot be told: a host's id that happens to be our worker's here is taken for it.

    All that measures raises DeviceFailed where the GPU is lost, EngineUnavailable where its driver does not
    answer.
    """

    def __init__(self, uuid: str) -> None:
        """`uuid` as `nvml.gpus` gives it."""
        self._uuid = uuid
        self._sees: bool | None = None
        self._current: int | None = None
        self._floor = 0  # used bytes that the current process is not to answer for
        self._kept: dict[int, int] = {}  # by each of the others, since the next was granted

    @property
    def sees_processes(self) -> bool | None:
        """Whether NVML tells our processes' bytes; None while none of them was known to hold any."""
        return self._sees

    def held(self, pid: int) -> int:
        """Bytes that a process and its children hold now.

        Where processes are listed, 0 as soon as it is gone; where not, what was not given back.
        """
        listed = None if self._sees is False else self._listed(pid)
        return self._accounted(pid) if self._sees is False else listed or 0

    def granted(self, pid: int) -> None:
        """A process is about to be granted the GPU: what was taken before is not its own."""
        if self._current is not None and self._current != pid:
            self._kept[self._current] = self._accounted(self._current)
        own = self._accounted(pid)
        self._drop_ended()
        self._kept.pop(pid, None)
        self._current = pid
        self._floor = self._used() - own

    def claims(self, pid: int, held: int) -> None:
        """A process said that it holds so many bytes now: where it is not listed, NVML is blind to ours."""
        if held <= NOTICEABLE or self._sees is False:
            return
        # It may end while we look, and is not listed for that reason.
        if self._listed(pid) is None and lives(pid):
            self._go_blind(f"process {pid} holds {held >> 20} MiB and is not listed")

    def free(self) -> int:
        """Bytes that nobody holds."""
        return nvml.memory(self._uuid).free

    def _listed(self, pid: int) -> int | None:
        """Bytes of a process and its children as NVML lists them, None where it lists none of them.

        The ids that NVML lists may be the host's and mean other processes here: only family counts.
        """
        processes = nvml.processes(self._uuid)
        if processes is None:
            self._go_blind("the driver keeps its processes to itself")
            return None
        known = family(pid)
        mine = [held for number, held in processes.items() if number in known]
        if None in mine:
            self._go_blind("processes are listed without their bytes")
            return None
        if mine:
            self._sees = True
            return sum(held for held in mine if held is not None)
        if self._sees is None and pid == self._current and not any(map(lives, processes)):
            self._doubt(pid)
        return None

    def _doubt(self, pid: int) -> None:
        """Nobody of this machine is listed: that cannot be where memory was taken since the grant."""
        taken = self._accounted(pid)
        if taken > NOTICEABLE and lives(pid):
            self._go_blind(f"{taken >> 20} MiB were taken and nobody is listed")

    def _go_blind(self, why: str) -> None:
        if self._sees is not False:
            self._sees = False
            log.warning(
                "What our processes hold of %s is judged by its total from now on: %s.", self._uuid, why
            )

    def _accounted(self, pid: int) -> int:
        """Bytes by the change of the total."""
        if pid != self._current:
            return self._kept.get(pid, 0) if lives(pid) else 0
        self._drop_ended()
        return max(0, self._used() - self._floor)

    def _drop_ended(self) -> None:
        """What ended processes had kept is no longer part of the sum under the current one's floor."""
        for pid in [pid for pid in self._kept if not lives(pid)]:
            self._floor -= self._kept.pop(pid)

    def _used(self) -> int:
        return nvml.memory(self._uuid).used
