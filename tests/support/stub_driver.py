"""A GPU's driver for machines without one: the real pynvml and ctypes code over stand-in libraries.

The libraries are compiled from tests/support/driver by the machine's C compiler.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = Path(__file__).parent / "driver"
MIB = 1 << 20
LIBRARIES = {"nvml_stub.c": "libnvidia-ml.so.1", "cuda_stub.c": "libcuda.so.1"}


def build(folder: Path, *, old: bool = False) -> Path:
    """Compile both libraries into a folder; `old` ones lack the newer calls. Skips without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler for the stand-in driver")
    folder.mkdir(parents=True, exist_ok=True)
    for source, library in LIBRARIES.items():
        options = ["-shared", "-fPIC", "-O1", *(["-DOLD"] if old else [])]
        target = folder / library
        subprocess.run([compiler, *options, "-o", str(target), str(SOURCES / source)], check=True)
    return folder


class RemoteError(Exception):
    """An error of ours in the other process: `name` is its class."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class StubDriver:
    """A process that sees the stand-in driver, and what that driver says. A context manager."""

    def __init__(self, libraries: Path | None, folder: Path) -> None:
        """`libraries` None is a machine without a driver."""
        self._nvml = folder / "nvml.txt"
        self._cuda = folder / "cuda.txt"
        self._calls = folder / "cuda.log"
        self._lines: dict[str, list[str]] = {"gpu": [], "process": [], "error": []}
        self._write()
        self.cuda()
        self.environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(libraries or ""),
            "NVML_STUB": str(self._nvml),
            "CUDA_STUB": str(self._cuda),
            "CUDA_STUB_LOG": str(self._calls),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.gpu_remote"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def gpus(self, *gpus: tuple[str, int, int], capability: str = "8 9", name: str = "Stub GPU") -> None:
        """Which GPUs there are: UUID, total and free bytes of each."""
        self._lines["gpu"] = [f"gpu {uuid} {total} {free} {capability} {name}" for uuid, total, free in gpus]
        self._write()

    def processes(self, *lines: str) -> None:
        """What is listed: "compute 0 PID BYTES"."""
        self._lines["process"] = list(lines)
        self._write()

    def errors(self, *lines: str) -> None:
        """Which NVML calls fail: "memory 15"."""
        self._lines["error"] = [f"error {line}" for line in lines]
        self._write()

    def cuda(self, *lines: str) -> None:
        """What libcuda answers: "error Lock 600"."""
        self._replace(self._cuda, list(lines))

    @property
    def calls(self) -> list[str]:
        """The checkpoint calls so far."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def ask(self, verb: str, *arguments: Any) -> Any:
        """Do it over there. Raises RemoteError where it raised one of ours."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, *arguments]) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        if "error" in reply:
            raise RemoteError(reply["error"], reply["text"])
        return reply["answer"]

    def _write(self) -> None:
        self._replace(self._nvml, [line for lines in self._lines.values() for line in lines])

    @staticmethod
    def _replace(file: Path, lines: list[str]) -> None:
        file.write_text("".join(f"{line}\n" for line in lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)


class StubMeter:
    """`GpuMeter` over the stand-in driver, as a `Meter`."""

    def __init__(self, driver: StubDriver, uuid: str) -> None:
        self._driver = driver
        self._uuid = uuid

    def held(self, pid: int) -> int:
        held: int = self._driver.ask("held", self._uuid, pid)
        return held

    def granted(self, pid: int) -> None:
        self._driver.ask("granted", self._uuid, pid)

    def claims(self, pid: int, held: int) -> None:
        self._driver.ask("claims", self._uuid, pid, held)

    def free(self) -> int:
        free: int = self._driver.ask("free", self._uuid)
        return free

    @property
    def sees_processes(self) -> bool | None:
        sees: bool | None = self._driver.ask("sees", self._uuid)
        return sees
