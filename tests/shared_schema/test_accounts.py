"""A process's own account of its memory."""

from __future__ import annotations

import ctypes
import mmap
import resource
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from shared_schema import accounts

MEGABYTE = 2**20
LINUX = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")

GLIBC = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc's malloc")


def take(megabytes: int) -> mmap.mmap:
    """Physical memory that goes back to the system as soon as it is closed."""
    block = mmap.mmap(-1, megabytes * MEGABYTE)
    for page in range(0, len(block), resource.getpagesize()):
        block[page] = 1
    return block


@LINUX
def test_what_is_taken_is_counted_and_what_is_given_back_is_not() -> None:
    before = accounts.held("cpu")
    block = take(64)
    during = accounts.held("cpu")
    block.close()
    assert during - before > 60 * MEGABYTE
    assert accounts.held("cpu") < during - 60 * MEGABYTE


@LINUX
def test_the_peak_is_that_of_the_task() -> None:
    take(200).close()
    accounts.reset_peaks()
    start = accounts.peak_resident_bytes()
    take(64).close()
    grown = accounts.peak_resident_bytes() - start
    assert 60 * MEGABYTE < grown < 100 * MEGABYTE


@LINUX
@GLIBC
def test_what_malloc_keeps_is_given_back() -> None:
    """Small blocks below one that stays, in a process of its own: glibc keeps their pages until asked."""
    script = """
        import ctypes
        from shared_schema import accounts
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        blocks = [libc.malloc(ctypes.c_size_t(60_000)) for _ in range(2000)]
        for block in blocks:
            ctypes.memset(block, 1, 60_000)
        last = libc.malloc(ctypes.c_size_t(60_000))
        for block in blocks:
            libc.free(ctypes.c_void_p(block))
        before = accounts.resident_bytes()
        accounts.give_back()
        print(before - accounts.resident_bytes())
    """
    code = textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100_000_000


def test_without_torch_nothing_is_held_on_a_gpu() -> None:
    code = """
import sys
from shared_schema import accounts
print(accounts.held("GPU-1"), accounts.peak_gpu_bytes(), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0", "False"]


class FakeCuda(SimpleNamespace):
    """What this machine lacks: `torch.cuda` with memory on a GPU."""

    initialized = True
    cached = 5

    def is_initialized(self) -> bool:
        return self.initialized

    def memory_reserved(self) -> int:
        assert self.initialized, "asking would have made a CUDA context"
        return 3 + self.cached

    def max_memory_reserved(self) -> int:
        assert self.initialized
        return 11

    def empty_cache(self) -> None:
        assert self.initialized
        self.cached = 0


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    torch = ModuleType("torch")
    torch.cuda = FakeCuda()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    return torch.cuda  # type: ignore[no-any-return]


def test_a_gpus_bytes_are_what_torch_keeps_and_its_cache_is_given_back(cuda: FakeCuda) -> None:
    assert (accounts.held("GPU-1"), accounts.peak_gpu_bytes()) == (8, 11)
    accounts.give_back()
    assert accounts.held("GPU-1") == 3


def test_asking_does_not_start_cuda(cuda: FakeCuda) -> None:
    cuda.initialized = False
    accounts.give_back()
    accounts.reset_peaks()
    assert (accounts.held("GPU-1"), accounts.peak_gpu_bytes()) == (0, 0)
