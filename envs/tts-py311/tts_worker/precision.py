"""Half precision on a GPU: matrices are multiplied in it, everything else stays in fp32.

torch's autocast keeps the half copy of a weight as long as it lasts, but of weights with `requires_grad`
alone (torch 2.8, `cached_cast`): those of others it makes again at each use, for each token. So nets that
speak this way keep their `requires_grad`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch

from shared_schema.engine import Context

__all__ = ["in_half", "steps", "wanted"]

Item = TypeVar("Item")


def wanted(context: Context) -> torch.dtype | None:
    """The format that a task asks for; None is fp32, as always on the CPU: others save nothing there."""
    name = context.number_format
    return None if name == "float32" else getattr(torch, name)


def in_half(device: torch.device, half: torch.dtype | None) -> AbstractContextManager[None]:
    """Within it matrices are multiplied in `half`; None changes nothing."""
    return nullcontext() if half is None else torch.autocast(device.type, half)


def steps(source: Iterable[Item], device: torch.device, half: torch.dtype | None) -> Iterator[Item]:
    """What `source` computes step by step, each in inference mode and in `half`; between them neither holds.

    A generator cannot hold autocast open itself: when `inference_mode` is left at a yield it restores the
    dispatch keys from before, and autocast with them is off from the second step on.
    """
    iterator = iter(source)
    # It changes nothing, but while it lasts the steps' half copies of weights do too.
    with torch.autocast(device.type, enabled=False):
        while True:
            try:
                with torch.inference_mode(), in_half(device, half):
                    item = next(iterator)
            except StopIteration:
                return
            yield item
