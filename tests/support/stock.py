"""What an orchestrator keeps: memory, descriptors, threads, tasks, and entries in its own containers."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from pathlib import Path

import psutil

from orchestrator.lifetime import Lifetime
from orchestrator.requests import Request
from orchestrator.worker import Worker
from tests.support.blocks import Blocks

__all__ = ["descriptors", "entries", "files_under", "kept_objects", "resident"]


def resident() -> int:
    """Bytes of this process, without what only waits to be collected."""
    gc.collect()
    held: int = psutil.Process().memory_info().rss
    return held


def descriptors() -> Counter[str]:
    """Open descriptors by kind: "socket", "pipe", "anon_inode", or the file's path."""
    kinds: Counter[str] = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue  # the folder's own, closed by now
        if not target.startswith("/proc/"):  # open for an instant, while the referee measures
            kinds[target.partition(":[")[0]] += 1
    return kinds


def entries(made: Blocks) -> dict[str, int]:
    """How many entries each container of the keeper, the lease, the plan and the supervisor has."""
    (keeper,) = made.arbiter.keepers.values()
    owners = {
        "keeper": keeper,
        "ledger": keeper._ledger,
        "lease": keeper.lease,
        "plan": keeper.lease.plan,
        "supervisor": made.supervisor,
    }
    return {
        f"{name}.{attribute}": len(value)
        for name, owner in owners.items()
        for attribute, value in vars(owner).items()
        if isinstance(value, dict | list | set)
    }


def kept_objects() -> Counter[str]:
    """How many handles on processes, requests, tasks and threads there are."""
    gc.collect()
    kinds: dict[str, type] = {"worker": Worker, "lifetime": Lifetime, "request": Request}
    found = Counter(
        name for thing in gc.get_objects() for name, kind in kinds.items() if issubclass(type(thing), kind)
    )
    found["task"] = len(asyncio.all_tasks())
    found["thread"] = threading.active_count()
    found["os thread"] = sum(1 for _ in Path("/proc/self/task").iterdir())
    return found


def files_under(home: Path) -> Counter[str]:
    """How many files each folder has, by its path within `home`."""
    return Counter(str(path.parent.relative_to(home)) for path in home.rglob("*") if not path.is_dir())
