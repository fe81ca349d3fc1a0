"""What the kernel's control groups allow us: a container's memory limit, and whom the kernel killed for it.

A container sees all the memory of its machine in /proc/meminfo, and is killed at its own limit. Version 2
(one tree) and version 1 (the `memory` tree) say the same in other files; a limit of any group above ours
binds us as well, as far up as this process can see.

Kernel documentation: admin-guide/cgroup-v2.rst ("Memory") and admin-guide/cgroup-v1/memory.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["limit", "oom_kills", "room"]

ROOT = Path("/")


@dataclass(frozen=True)
class _Tree:
    """One version's names. `reclaimable` is the row of memory.stat that the kernel gives up first."""

    mount: str
    controller: str
    limit: str
    usage: str
    reclaimable: str
    kills: str


_V2 = _Tree("sys/fs/cgroup", "", "memory.max", "memory.current", "inactive_file", "memory.events")
_V1 = _Tree(
    "sys/fs/cgroup/memory",
    "memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
    "memory.oom_control",
)

# Version 1 says "no limit" as the largest page-aligned number; nothing real comes near half of it.
_NO_LIMIT = 1 << 62


def limit(root: Path = ROOT) -> int | None:
    """The least limit on our group and those above it, bytes; None where there is none."""
    tree, groups = _groups(root)
    return min((found for group in groups if (found := _limit(tree, group)) is not None), default=None)


def room(root: Path = ROOT) -> int | None:
    """Bytes that may still be taken before a limit is met; None where there is none.

    Pages of files that nobody used lately count as room: the kernel drops them before it kills.
    """
    tree, groups = _groups(root)
    return min((found for group in groups if (found := _room(tree, group)) is not None), default=None)


def oom_kills(root: Path = ROOT) -> int:
    """How many processes the kernel has killed for lack of memory: in our group, else on the machine.

    Workers live in our group. Only the difference of two calls means anything.
    """
    tree, groups = _groups(root)
    if groups:
        kills = _row(groups[0] / tree.kills, "oom_kill")
        if kills is not None:
            return kills
    # The root group of version 2 has no events of its own.
    return _row(root / "proc/vmstat", "oom_kill") or 0


def _groups(root: Path) -> tuple[_Tree, list[Path]]:
    """The tree that rules memory, and our group and all above it that can be seen, innermost first."""
    tree = _V1 if (root / _V1.mount / _V1.usage).exists() else _V2
    mount = root / tree.mount
    inner = mount / _path(root, tree).lstrip("/")
    return tree, [group for group in _upwards(mount, inner) if (group / "memory.stat").exists()]


def _path(root: Path, tree: _Tree) -> str:
    """Our group's path in a tree, as /proc/self/cgroup has it: "<number>:<controllers>:<path>"."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return "/"  # a kernel without control groups
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if tree.controller in controllers.split(","):
            return path
    return "/"


def _upwards(mount: Path, inner: Path) -> Iterator[Path]:
    """From a group to the mount point. A container's path may be the host's: only its top is here then."""
    for group in (inner, *inner.parents):
        yield group
        if group == mount:
            return


def _limit(tree: _Tree, group: Path) -> int | None:
    value = _text(group / tree.limit)
    if not value.isdecimal() or int(value) >= _NO_LIMIT:
        return None
    return int(value)


def _room(tree: _Tree, group: Path) -> int | None:
    most, used = _limit(tree, group), _text(group / tree.usage)
    if most is None or not used.isdecimal():
        return None
    return max(0, most - int(used) + (_row(group / "memory.stat", tree.reclaimable) or 0))


def _row(file: Path, name: str) -> int | None:
    """A row of a file of "<name> <number>" lines."""
    for line in _text(file).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return None


def _text(file: Path) -> str:
    """A file of the kernel, empty where this kernel, or this group, has none."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""
