"""Optional: have the driver take a worker off the GPU and put it back, without the worker's help.

    running ──lock──> locked ──checkpoint──> checkpointed      its memory is in host memory, the GPU's is free
       ^────unlock────── locked <──restore──────┘

The driver's own calls (CUDA 12.8, driver 570, Linux), reached by ctypes:
https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__CHECKPOINT.html. The process must be of the same
user. One with managed memory, or memory shared between processes, is refused (NVIDIA/cuda-checkpoint). A
restore needs as much free GPU memory as there was, and one that failed cannot be tried again; host memory is
charged to the suspended process. A stopped process (SIGSTOP) blocks every call. The calls last seconds.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from functools import cache

from shared_schema.errors import DeviceFailed

__all__ = ["resume", "supported", "suspend"]

LOCK_TIMEOUT = 30_000
"""Milliseconds for the work that was submitted already; CUDA_ERROR_NOT_READY after that."""

_SINCE = 12080
_CALLS = ("GetState", "Lock", "Checkpoint", "Restore", "Unlock")


class _State(IntEnum):
    """CUprocessState."""

    RUNNING = 0
    LOCKED = 1
    CHECKPOINTED = 2
    FAILED = 3


class _Arguments(ctypes.Structure):
    """The argument of each call: 64 bytes, zero where nothing is asked for. `timeout` is of Lock only."""

    _fields_ = (
        ("timeout", ctypes.c_uint),
        ("reserved0", ctypes.c_uint),
        ("reserved1", ctypes.c_uint64 * 7),
    )


def supported() -> str:
    """Empty where this machine's driver can suspend, else a sentence why not."""
    try:
        cuda = _library()
    except OSError:
        return "The NVIDIA driver (libcuda.so.1) is not installed."
    version = ctypes.c_int()
    if error := cuda.cuDriverGetVersion(ctypes.byref(version)):
        return f"The NVIDIA driver does not answer: {_name(cuda, error)}."
    if version.value < _SINCE or not all(hasattr(cuda, f"cuCheckpointProcess{call}") for call in _CALLS):
        said = f"{version.value // 1000}.{version.value % 1000 // 10}"
        return f"The NVIDIA driver is of CUDA {said}; suspending needs 12.8 (driver 570)."
    if error := cuda.cuInit(0):
        return f"The NVIDIA driver does not start: {_name(cuda, error)}."
    return ""


def suspend(pid: int) -> None:
    """Move a process's GPU memory to host memory and free the GPU; it waits in its next CUDA call.

    Blocks for seconds. Raises DeviceFailed; the process runs on then, unless the driver has failed it.
    """
    state = _state(pid)
    if state is _State.CHECKPOINTED:
        return
    if state is _State.RUNNING:
        _call("Lock", pid, _Arguments(timeout=LOCK_TIMEOUT))
    try:
        _call("Checkpoint", pid, _Arguments())
    except DeviceFailed:
        if _state(pid) is _State.LOCKED:
            _call("Unlock", pid, _Arguments())
        raise


def resume(pid: int) -> None:
    """Put a suspended process back on the GPU. Blocks for seconds. Raises DeviceFailed: then end it."""
    state = _state(pid)
    if state is _State.CHECKPOINTED:
        _call("Restore", pid, _Arguments())
    if state in (_State.CHECKPOINTED, _State.LOCKED):
        _call("Unlock", pid, _Arguments())


def _state(pid: int) -> _State:
    """The state of a process that can go on. DeviceFailed where the driver has given it up."""
    number = ctypes.c_int()
    _check("GetState", pid, _ready().cuCheckpointProcessGetState(pid, ctypes.byref(number)))
    if number.value not in (_State.RUNNING, _State.LOCKED, _State.CHECKPOINTED):
        raise DeviceFailed(
            f"The NVIDIA driver cannot suspend or resume process {pid}: it failed at that before.",
            "Set AVATAR_RELEASE=offload.",
        )
    return _State(number.value)


def _call(name: str, pid: int, arguments: _Arguments) -> None:
    _check(name, pid, getattr(_ready(), f"cuCheckpointProcess{name}")(pid, ctypes.byref(arguments)))


def _check(name: str, pid: int, error: int) -> None:
    if error:
        raise DeviceFailed(
            f"The NVIDIA driver's {name} failed for process {pid}: {_name(_ready(), error)}.",
            "Set AVATAR_RELEASE=offload.",
        )


@cache
def _ready() -> ctypes.CDLL:
    """The library, initialised. DeviceFailed where it cannot do this."""
    if reason := supported():
        raise DeviceFailed(reason, "Set AVATAR_RELEASE=offload.")
    return _library()


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL("libcuda.so.1")


def _name(cuda: ctypes.CDLL, error: int) -> str:
    """A CUresult's name."""
    name = ctypes.c_char_p()
    cuda.cuGetErrorName(error, ctypes.byref(name))
    return name.value.decode() if name.value else f"error {error}"
