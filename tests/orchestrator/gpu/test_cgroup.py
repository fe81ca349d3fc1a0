"""A container's memory limit binds, and its kills are counted, in both versions of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.gpu import cgroup

GB = 10**9


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/vmstat", "nr_free_pages 77\noom_kill 9\n")
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    return tmp_path


def group_v2(
    root: Path, path: str, *, most: str, used: int = GB, cache: int = 0, kills: int | None = None
) -> None:
    at = f"sys/fs/cgroup{path}"
    write(root, f"{at}/memory.max", f"{most}\n")
    write(root, f"{at}/memory.current", f"{used}\n")
    write(root, f"{at}/memory.stat", f"anon 5\ninactive_file {cache}\nactive_file 7\n")
    if kills is not None:
        write(root, f"{at}/memory.events", f"low 0\noom 3\noom_kill {kills}\noom_group_kill 8\n")


def group_v1(root: Path, path: str, *, most: int, used: int = GB, cache: int = 0, kills: int = 0) -> None:
    at = f"sys/fs/cgroup/memory{path}"
    write(root, f"{at}/memory.limit_in_bytes", f"{most}\n")
    write(root, f"{at}/memory.usage_in_bytes", f"{used}\n")
    write(root, f"{at}/memory.stat", f"inactive_file 1\ntotal_inactive_file {cache}\n")
    write(root, f"{at}/memory.oom_control", f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n")


def test_a_machine_without_limits_has_none(root: Path) -> None:
    assert (cgroup.limit(root), cgroup.room(root)) == (None, None)


def test_version_2_tells_the_limit_the_room_and_the_kills(root: Path) -> None:
    group_v2(root, "", most=str(8 * GB), used=3 * GB, cache=GB, kills=2)
    assert cgroup.limit(root) == 8 * GB
    assert cgroup.room(root) == 6 * GB
    assert cgroup.oom_kills(root) == 2


def test_version_1_tells_the_limit_the_room_and_the_kills(root: Path) -> None:
    write(root, "proc/self/cgroup", "4:memory:/job\n2:cpu,cpuacct:/elsewhere\n0::/\n")
    group_v1(root, "", most=0x7FFFFFFFFFFFF000, kills=7)
    group_v1(root, "/job", most=4 * GB, used=3 * GB, cache=GB // 2, kills=1)
    assert cgroup.limit(root) == 4 * GB
    assert cgroup.room(root) == 3 * GB // 2
    assert cgroup.oom_kills(root) == 1


def test_version_1_s_largest_number_is_no_limit(root: Path) -> None:
    group_v1(root, "", most=0x7FFFFFFFFFFFF000)
    assert (cgroup.limit(root), cgroup.room(root)) == (None, None)


def test_the_tightest_of_all_groups_above_us_binds(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/user.slice/job\n")
    group_v2(root, "/user.slice/job", most="max", used=GB, kills=0)
    group_v2(root, "/user.slice", most=str(2 * GB), used=GB)
    group_v2(root, "", most=str(16 * GB), used=GB)
    assert cgroup.limit(root) == 2 * GB
    assert cgroup.room(root) == GB


def test_a_group_above_its_limit_has_no_room_rather_than_less(root: Path) -> None:
    group_v2(root, "", most=str(GB), used=2 * GB)
    assert cgroup.room(root) == 0


@pytest.mark.parametrize("path", ["/docker/0123abcd", "/../../elsewhere"])
def test_a_container_with_its_host_s_path_reads_its_own_top(root: Path, path: str) -> None:
    write(root, "proc/self/cgroup", f"4:memory:{path}\n")
    group_v1(root, "", most=GB, used=0, kills=5)
    assert cgroup.limit(root) == GB
    assert cgroup.oom_kills(root) == 5


def test_without_a_group_s_own_count_the_machine_s_is_taken(root: Path) -> None:
    group_v2(root, "", most="max", kills=None)
    assert cgroup.oom_kills(root) == 9


def test_a_kernel_without_control_groups_counts_for_the_machine(root: Path) -> None:
    (root / "proc/self/cgroup").unlink()
    assert cgroup.oom_kills(root) == 9
    assert cgroup.room(root) is None


def test_this_kernel_is_understood() -> None:
    limit, room = cgroup.limit(), cgroup.room()
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert limit is None or limit > 0
    assert room is None or 0 < room <= max(installed, limit or 0)
    assert cgroup.oom_kills() >= 0
