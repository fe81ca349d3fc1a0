"""What an engine's exception says of memory and of the GPU, recognised by name: torch is not imported here.

    out of memory        the context is sound: the worker goes on, with its engines off the device
    the device failed    the CUDA context is lost for good (sticky errors, CUDA C++ Programming Guide,
                         "Error Checking"): every further call fails, so the process must end

Names and texts are those that torch raises: `torch.OutOfMemoryError` (c10/cuda/CUDACachingAllocator.cpp),
`torch.AcceleratorError` (c10/cuda/CUDAException.cpp; RuntimeError before torch 2.8), and RuntimeError with
the name of the library's status for cuDNN, cuBLAS and NCCL.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from shared_schema.errors import AvatarError, DeviceFailed, OutOfMemory

__all__ = ["DEVICE_FAILED_STATUS", "translate"]

DEVICE_FAILED_STATUS = 5
"""Exit status of a worker that ends itself because its GPU failed it."""

# Looked for first: some of them come with the words of a failed device around them.
_GPU_STARVED = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_HOST_STARVED = ("DefaultCPUAllocator: can't allocate memory", "std::bad_alloc")
_LOST = (
    "CUDA error",
    "CUDA driver error",
    "cuDNN error",
    "CUDNN_STATUS",
    "CUBLAS_STATUS",
    "device-side assert",
    "NCCL",
)


def translate(error: BaseException) -> AvatarError | None:
    """OutOfMemory or DeviceFailed for an exception that means it, itself or as its cause; else None.

    A failed device is found however deep it lies. Memory is not, under an error in an engine's own words.
    """
    chain = list(_chain(error))
    for link in chain:
        if _is_lost(link):
            return DeviceFailed(_first_line(link))
    if isinstance(error, AvatarError):
        return None
    for link in chain:
        if _starves_gpu(link):
            return OutOfMemory(
                f"The GPU ran out of memory: {_first_line(link)}",
                "Close other programs that use the GPU, or choose a smaller profile (AVATAR_PROFILE).",
            )
        if _starves_host(link):
            return OutOfMemory(
                "The host ran out of memory.", "Close other programs, or choose a smaller engine."
            )
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, then what caused it, as a traceback shows it."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _is_torch(error: BaseException, name: str) -> bool:
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == "torch" for kind in type(error).__mro__
    )


def _says(error: BaseException, texts: tuple[str, ...]) -> bool:
    # The libraries' texts come in RuntimeErrors only; a user's text may hold the same words.
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)


def _starves_gpu(error: BaseException) -> bool:
    return _is_torch(error, "OutOfMemoryError") or _says(error, _GPU_STARVED)


def _starves_host(error: BaseException) -> bool:
    exhausted = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or exhausted or _says(error, _HOST_STARVED)


def _is_lost(error: BaseException) -> bool:
    return not _starves_gpu(error) and (_is_torch(error, "AcceleratorError") or _says(error, _LOST))


def _first_line(error: BaseException) -> str:
    """What torch says; paragraphs of advice follow."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line[:500]
