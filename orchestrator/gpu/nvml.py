"""NVIDIA's management library (NVML): which GPUs there are, and what it says of their memory.

The one module that imports pynvml. Whole GPUs only: instances of a GPU cut up by MIG are not listed.
Every function raises DeviceFailed where a GPU is lost, EngineUnavailable where the driver does not answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pynvml

from shared_schema.errors import AvatarError, DeviceFailed, EngineUnavailable

__all__ = ["Bytes", "Gpu", "gpus", "memory", "processes"]

log = logging.getLogger(__name__)

_NO_DRIVER = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
_LOST = (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED)
# Virtual GPUs and locked-down drivers keep their processes to themselves.
_SECRET = (pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_NO_PERMISSION)


@dataclass(frozen=True)
class Bytes:
    """A GPU's memory. `used` includes what the driver keeps for itself."""

    total: int
    free: int
    used: int


@dataclass(frozen=True)
class Gpu:
    """One GPU. `index` is NVML's, in the order of PCI bus addresses, as in nvidia-smi."""

    index: int
    uuid: str
    name: str
    capability: tuple[int, int]
    memory: Bytes


def gpus() -> list[Gpu]:
    """The GPUs of this machine that answer; none where no driver is installed. Raises where none answers."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if error.value in _NO_DRIVER:
            return []
        raise _in_words(error, "start") from error
    with _said("count the GPUs"):
        count = pynvml.nvmlDeviceGetCount()
    found, failures = [], []
    for index in range(count):
        try:
            found.append(_gpu(index))
        except AvatarError as failure:
            log.warning("GPU %d is left out. %s", index, failure)
            failures.append(failure)
    if failures and not found:
        raise failures[0]
    return found


def memory(uuid: str) -> Bytes:
    """What a GPU's memory is used for now."""
    with _said(f"measure {uuid}"):
        return _bytes(_handle(uuid))


def processes(uuid: str) -> dict[int, int | None] | None:
    """Bytes by the id of each process that uses a GPU; None where the driver does not tell at all.

    The ids are the host's, whatever container asks. Bytes are None where the driver keeps them to itself.
    """
    with _said(f"list the processes on {uuid}"):
        handle = _handle(uuid)
        computing = _listing(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
        drawing = _listing(pynvml.nvmlDeviceGetGraphicsRunningProcesses, handle)
    if computing is None:
        return None
    # A process that computes and draws is in both lists with the same bytes; some GPUs cannot draw at all.
    return {process.pid: process.usedGpuMemory for process in (*(drawing or ()), *computing)}


def _listing(call: Any, handle: Any) -> list[Any] | None:
    try:
        found: list[Any] = call(handle)
    except pynvml.NVMLError as error:
        if error.value not in _SECRET:
            raise
        return None
    return found


def _gpu(index: int) -> Gpu:
    with _said(f"describe GPU {index}"):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        return Gpu(
            index,
            pynvml.nvmlDeviceGetUUID(handle),
            pynvml.nvmlDeviceGetName(handle),
            pynvml.nvmlDeviceGetCudaComputeCapability(handle),
            _bytes(handle),
        )


def _bytes(handle: Any) -> Bytes:
    found = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Bytes(found.total, found.free, found.used)


@cache
def _handle(uuid: str) -> Any:
    pynvml.nvmlInit()
    return pynvml.nvmlDeviceGetHandleByUUID(uuid)


@contextmanager
def _said(doing: str) -> Iterator[None]:
    """Turn NVML's errors into ours, in words."""
    try:
        yield
    except pynvml.NVMLError as error:
        raise _in_words(error, doing) from error
    except pynvml.NVMLLibraryMismatchError as error:
        raise EngineUnavailable(
            f"The NVIDIA driver is too old to {doing}.", "Install a newer one, or set AVATAR_DEVICE=cpu."
        ) from error


def _in_words(error: Any, doing: str) -> AvatarError:
    if error.value in _LOST:
        return DeviceFailed(
            f"The NVIDIA driver could not {doing}: {error}.",
            "Reset the GPU (`nvidia-smi --gpu-reset`) or restart the machine.",
        )
    if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return EngineUnavailable(
            "The NVIDIA driver was updated, and the old one still runs.",
            "Restart the machine, or set AVATAR_DEVICE=cpu.",
        )
    return EngineUnavailable(
        f"The NVIDIA driver could not {doing}: {str(error).rstrip('.')}.",
        "See `nvidia-smi`, or set AVATAR_DEVICE=cpu.",
    )
