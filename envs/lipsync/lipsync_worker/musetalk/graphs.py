"""A computation on a GPU recorded once for each size of batch, and played back with one launch.

MuseTalk's nets launch some thousand kernels a batch; in small batches a GPU waits for Python more than it
computes. A recording knows the addresses of the weights: it must be dropped before they move.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

__all__ = ["Graphs"]

WARM_UP: Final = 3
"""Runs before a recording: libraries choose their algorithms, and take their memory, in the first."""

log = logging.getLogger("engine.musetalk")

Compute = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    inputs: tuple[torch.Tensor, torch.Tensor]
    output: torch.Tensor


class Graphs:
    """Calls `compute` on batches of any size. The output is valid until the next call on the same stream."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._recordings: dict[int, _Recording] = {}
        # They are played one after another, each output fetched before the next: one memory serves all.
        self._pool = torch.cuda.graph_pool_handle()
        self._refused = False

    def __call__(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """As `compute(first, second)`; rows of batches smaller than what was recorded are repeated."""
        if self._refused:
            return self._compute(first, second)
        size = 1 << (len(first) - 1).bit_length()
        recording = self._recordings.get(size)
        if recording is None:
            recording = self._record(size, first, second)
            if recording is None:
                return self._compute(first, second)
        for place, given in zip(recording.inputs, (first, second), strict=True):
            place[: len(given)].copy_(given)
        recording.graph.replay()
        return recording.output

    def drop(self) -> None:
        """Forget the recordings, and the memory that they hold."""
        self._recordings.clear()

    def _record(self, size: int, first: torch.Tensor, second: torch.Tensor) -> _Recording | None:
        """A recording for batches of `size`; None where this cannot be recorded. Out of memory is raised."""
        inputs = (_enlarged(first, size), _enlarged(second, size))
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self._compute(*inputs)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        try:
            # The thread that pastes fetches faces meanwhile: that must not count against this one.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                output = self._compute(*inputs)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("No CUDA graph can be recorded here, so kernels are launched one by one: %s", error)
            self._refused = True
            return None
        torch.cuda.empty_cache()  # what the warm-up took: the recording has its own
        self._recordings[size] = _Recording(graph, inputs, output)
        return self._recordings[size]


def _enlarged(tensor: torch.Tensor, size: int) -> torch.Tensor:
    """The tensor with its last row repeated up to `size` rows, in memory of its own."""
    return torch.cat([tensor, tensor[-1:].expand(size - len(tensor), *tensor.shape[1:])])
