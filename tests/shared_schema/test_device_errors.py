"""What exceptions of the shapes that torch raises say of memory and of the GPU.

`tests/torch` raises the real ones.
"""

from __future__ import annotations

import errno

import pytest

from shared_schema.device_errors import translate
from shared_schema.errors import AvatarError, DeviceFailed, OutOfMemory, TextError
from shared_schema.tasks import as_failure


def shaped(name: str, message: str, module: str = "torch", base: type[Exception] = RuntimeError) -> Exception:
    made: Exception = type(name, (base,), {"__module__": module})(message)
    return made


LOST = [
    shaped("AcceleratorError", "CUDA error: an illegal memory access was encountered\nAdvice."),
    shaped("AcceleratorError", "XPU error"),
    RuntimeError("CUDA error: device-side assert triggered\nFor debugging consider CUDA_LAUNCH_BLOCKING=1."),
    RuntimeError("CUDA driver error: unspecified launch failure"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("Unable to find an engine: CUDNN_STATUS_INTERNAL_ERROR"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`"),
    RuntimeError("/src/Indexing.cu:1: device-side assert triggered"),
    shaped("DistBackendError", "NCCL error: unhandled cuda error", "torch.distributed"),
]
GPU_STARVED = [
    shaped("OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has"),
    shaped("OutOfMemoryError", "CUDA out of memory.", "torch.cuda"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 MiB"),
    shaped("AcceleratorError", "CUDA error: out of memory\nAdvice."),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
]
HOST_STARVED = [
    MemoryError(),
    shaped("_ArrayMemoryError", "Unable to allocate 8.00 GiB", "numpy", MemoryError),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried"
    ),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
]
NEITHER = [
    ValueError("CUDA error: a user's own text"),
    RuntimeError("No CUDA GPUs are available"),
    shaped("AcceleratorError", "nobody's", "elsewhere"),
    shaped("OutOfMemoryError", "a database's", "sqlite"),
    OSError(errno.ENOENT, "No such file"),
    TextError("Too long.", "Cut it."),
]


@pytest.mark.parametrize("error", LOST, ids=str)
def test_a_lost_context_is_a_failed_device(error: Exception) -> None:
    found = translate(error)
    assert isinstance(found, DeviceFailed)
    assert found.message == str(error).splitlines()[0]


@pytest.mark.parametrize("error", GPU_STARVED, ids=str)
def test_want_of_gpu_memory_is_not_a_failed_device(error: Exception) -> None:
    found = translate(error)
    assert isinstance(found, OutOfMemory)
    assert found.message.startswith("The GPU ran out of memory: ")
    assert "AVATAR_PROFILE" in found.hint


@pytest.mark.parametrize("error", HOST_STARVED, ids=repr)
def test_want_of_host_memory_is_told_as_such(error: Exception) -> None:
    found = translate(error)
    assert isinstance(found, OutOfMemory)
    assert found.message == "The host ran out of memory."


@pytest.mark.parametrize("error", NEITHER, ids=repr)
def test_anything_else_is_left_as_it_is(error: Exception) -> None:
    assert translate(error) is None


def raised(error: Exception, cause: Exception, *, explicit: bool) -> Exception:
    """As `raise error from cause` leaves it, or `raise error` while `cause` is handled."""
    error.__context__ = cause
    if explicit:
        error.__cause__ = cause
    return error


@pytest.mark.parametrize("explicit", [True, False])
def test_a_failed_device_is_found_under_an_engine_s_own_error(*, explicit: bool) -> None:
    error = raised(TextError("Cannot be spoken."), LOST[0], explicit=explicit)
    failure = as_failure(error, "t", 1)
    assert failure.code == "device-failed"
    assert failure.message == "CUDA error: an illegal memory access was encountered"
    assert "Cannot be spoken." in failure.traceback


def test_want_of_memory_under_an_engine_s_own_words_stays_in_them() -> None:
    error = raised(TextError("Too long for this GPU.", "Cut it."), GPU_STARVED[0], explicit=True)
    assert as_failure(error, "t", 1).code == "bad-text"
    wrapped = raised(ValueError("wrapped"), GPU_STARVED[0], explicit=True)
    assert as_failure(wrapped, "t", 1).code == "out-of-memory"


def test_both_kinds_have_their_own_exit_status() -> None:
    kinds: list[type[AvatarError]] = [OutOfMemory, DeviceFailed]
    assert [kind.exit_status for kind in kinds] == [3, 4]
