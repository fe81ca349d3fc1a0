"""What every meter promises, whichever device it measures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.gpu.device import Meter
from orchestrator.gpu.host import HostMeter, family, host_device, lives
from tests.support.eater import MIB, Eater
from tests.support.stub_driver import StubDriver, StubMeter

TOTAL = 8192 * MIB
SIZE = 50
SLACK = 10 * MIB
"""What an interpreter takes by the way."""


@dataclass
class Bench:
    """A meter, a process that it measures, and how that process takes memory of this device."""

    meter: Meter
    eater: Eater
    total: int

    @property
    def pid(self) -> int:
        return self.eater.pid

    def take(self, mib: int) -> None:
        self.eater.take(mib)

    def beget(self, mib: int) -> None:
        self.eater.beget(mib)

    def end(self) -> None:
        self.eater.end()


@dataclass
class StubBench(Bench):
    """The stand-in driver lists what the test's real processes would hold."""

    driver: StubDriver
    lines: dict[int, int] = field(default_factory=dict)

    def take(self, mib: int) -> None:
        self._list(self.pid, mib)

    def beget(self, mib: int) -> None:
        self._list(self.eater.beget(0), mib)

    def end(self) -> None:
        # NVML goes on listing an ended process for a moment.
        self.eater.end()

    def _list(self, pid: int, mib: int) -> None:
        self.lines[pid] = mib
        self.driver.gpus(("GPU-stub", TOTAL, TOTAL - sum(self.lines.values()) * MIB))
        self.driver.processes(*(f"compute 0 {pid} {mib * MIB}" for pid, mib in self.lines.items()))


@pytest.fixture(params=["host", "gpu"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Eater() as eater:
        if request.param == "host":
            yield Bench(HostMeter(), eater, host_device().total)
        else:
            driver: StubDriver = request.getfixturevalue("driver")
            driver.gpus(("GPU-stub", TOTAL, TOTAL))
            yield StubBench(StubMeter(driver, "GPU-stub"), eater, TOTAL, driver)


def test_what_a_process_takes_and_gives_back_is_seen(bench: Bench) -> None:
    before = bench.meter.held(bench.pid)
    bench.take(SIZE)
    assert SIZE * MIB <= bench.meter.held(bench.pid) - before < SIZE * MIB + SLACK
    bench.take(0)
    assert bench.meter.held(bench.pid) - before < SLACK


def test_what_its_children_hold_counts(bench: Bench) -> None:
    before = bench.meter.held(bench.pid)
    bench.beget(SIZE)
    assert bench.meter.held(bench.pid) - before >= SIZE * MIB


def test_another_process_s_memory_does_not_count(bench: Bench) -> None:
    before = bench.meter.held(bench.pid)
    with Eater() as stranger:
        stranger.take(SIZE)
        assert abs(bench.meter.held(bench.pid) - before) < SLACK


def test_a_grant_does_not_change_what_is_held(bench: Bench) -> None:
    bench.take(SIZE)
    before = bench.meter.held(bench.pid)
    bench.meter.granted(bench.pid)
    assert abs(bench.meter.held(bench.pid) - before) < SLACK


def test_an_ended_process_holds_nothing(bench: Bench) -> None:
    bench.take(SIZE)
    assert bench.meter.held(bench.pid) >= SIZE * MIB
    bench.end()
    assert bench.meter.held(bench.pid) == 0


def test_what_is_free_is_less_than_there_is(bench: Bench) -> None:
    bench.take(SIZE)
    assert 0 < bench.meter.free() < bench.total


def test_a_process_that_nobody_waited_for_yet_does_not_live() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert lives(process.pid)
        assert family(process.pid) == {process.pid}
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not lives(process.pid)
        assert family(process.pid) == set()


def test_the_host_s_free_memory_is_bounded_by_the_container_s(monkeypatch: pytest.MonkeyPatch) -> None:
    unbounded = HostMeter().free()
    monkeypatch.setattr("orchestrator.gpu.cgroup.room", lambda: 5 * MIB)
    monkeypatch.setattr("orchestrator.gpu.cgroup.limit", lambda: 7 * MIB)
    assert unbounded > HostMeter().free() == 5 * MIB
    assert host_device().total == 7 * MIB
    assert host_device().budget == 7 * MIB - int(1.4 * MIB)


def test_the_host_s_memory_agrees_with_the_kernel_s() -> None:
    rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total = int(rows["MemTotal"].split()[0]) * 1024
    assert 0 < host_device().total <= total
    assert 0 < host_device().budget == host_device().total - host_device().reserve
    assert 0 < host_device().reserve <= min(0.2 * total, 2 * 1024 * MIB)
