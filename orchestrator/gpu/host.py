"""The host's memory as a device: what is free, and what a process and its children really hold.

The one module that imports psutil.
"""

from __future__ import annotations

from pathlib import Path

import psutil

from orchestrator.gpu import cgroup
from orchestrator.gpu.cgroup import oom_kills
from orchestrator.gpu.device import HOST, Device

__all__ = ["HostMeter", "family", "host_device", "host_total", "lives", "oom_kills", "sees_all_processes"]

# A fifth stays free, of a large machine 2 GiB: a worker is measured between its tasks, and passes its stated
# peak in between by what libraries allocate; the orchestrator and the page cache, out of which weights are
# read, live there too. There is often no swap, and the kernel kills whom it likes: a hand-over too many
# costs seconds, a kill the whole task.
RESERVE_SHARE = 0.2
RESERVE_MOST = 2 << 30

# The first process-id namespace has this inode in every kernel (PROC_PID_INIT_INO in linux/proc_ns.h).
INITIAL_PIDS = "pid:[4026531836]"


class HostMeter:
    """Measures by resident set: what would be free if the process were gone, and pages that others share."""

    @property
    def sees_processes(self) -> bool | None:
        """Always: they are this machine's own."""
        return True

    def held(self, pid: int) -> int:
        """Bytes that a process and its children hold now; 0 where it is gone."""
        return sum(_resident(process) for process in _family(pid))

    def granted(self, pid: int) -> None:
        """A process's own bytes are seen at any time: there is nothing to remember."""

    def claims(self, pid: int, held: int) -> None:
        """A process's own account changes nothing: it is seen."""

    def free(self) -> int:
        """Bytes that nobody holds: what the machine can give, and no more than our container may take."""
        available: int = psutil.virtual_memory().available
        room = cgroup.room()
        return available if room is None else min(available, room)


def host_device() -> Device:
    """The host's memory, less a reserve."""
    total = host_total()
    reserve = min(int(total * RESERVE_SHARE), RESERVE_MOST)
    return Device(HOST, "host memory", total, total - reserve, reserve=reserve)


def host_total() -> int:
    """Bytes of memory that this machine has, or our container is allowed."""
    total: int = psutil.virtual_memory().total
    limit = cgroup.limit()
    return total if limit is None else min(total, limit)


def family(pid: int) -> set[int]:
    """A process and all its descendants that live now; empty where it is gone."""
    return {process.pid for process in _family(pid)}


def lives(pid: int) -> bool:
    """Whether there is such a process here; one that ended and was not waited for is none."""
    return _process(pid) is not None


def sees_all_processes() -> bool:
    """Whether our process ids are the machine's own; in most containers they are not."""
    return str(Path("/proc/self/ns/pid").readlink()) == INITIAL_PIDS


def _process(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None


def _family(pid: int) -> list[psutil.Process]:
    process = _process(pid)
    if process is None:
        return []
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []  # it ended while we looked


def _resident(process: psutil.Process) -> int:
    try:
        resident: int = process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0  # it ended while we looked
    return resident
