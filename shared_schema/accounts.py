"""How much memory this process holds, and the most it held during a task, by its own account.

The orchestrator measures the same from outside, with NVML and psutil: an account is a claim. torch is
never imported here; who has not imported it holds nothing on a GPU.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import resource
import sys
from pathlib import Path
from typing import Any

__all__ = [
    "HOST",
    "give_back",
    "gpu_bytes",
    "held",
    "peak_gpu_bytes",
    "peak_resident_bytes",
    "reset_peaks",
    "resident_bytes",
]

HOST = "cpu"
"""The host's name where a GPU's UUID would stand (`messages.Grant`, `messages.Hello`)."""

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def held(device: str) -> int:
    """Bytes that this process holds of a device now: of the host's memory for "cpu", else of its GPU's."""
    return resident_bytes() if device == HOST else gpu_bytes()


def resident_bytes() -> int:
    """Bytes of physical memory that this process holds now (proc_pid_statm(5)); 0 where /proc is absent."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else 0


def peak_resident_bytes() -> int:
    """The most physical memory this process held since `reset_peaks`, or ever where that does nothing."""
    status = Path("/proc/self/status")
    found = _PEAK.search(status.read_text()) if status.exists() else None
    if found:
        return int(found[1]) * 1024
    # In KiB, on macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def gpu_bytes() -> int:
    """Bytes that torch's allocator holds on the one GPU that this process sees, used or kept for later.

    The CUDA context comes on top. It cannot be told from in here, since the driver tells a process only
    what all together hold; the engine states it (`Memory.context`) and NVML measures it.
    """
    cuda = _cuda()
    return 0 if cuda is None else int(cuda.memory_reserved())


def peak_gpu_bytes() -> int:
    """The most that `gpu_bytes` was since `reset_peaks`."""
    cuda = _cuda()
    return 0 if cuda is None else int(cuda.max_memory_reserved())


def reset_peaks() -> None:
    """Begin anew, for a task: peaks are what is held now.

    Where the system does not let a process do that for its resident memory (proc_pid_clear_refs(5):
    Linux alone), the peak stays that of its whole life.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    cuda = _cuda()
    if cuda is not None:
        cuda.reset_peak_memory_stats()


def give_back() -> None:
    """Return what is free in this process to the system: dead cycles, malloc's arenas, torch's cache."""
    gc.collect()
    # glibc alone keeps freed memory back for later, and has a word for letting it go.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
    cuda = _cuda()
    if cuda is not None:
        cuda.empty_cache()


def _cuda() -> Any:
    """`torch.cuda` where it is at work in this process, else None: asking must not start it."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
