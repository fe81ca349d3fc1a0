"""Random weights for a net that was built without any, in the magnitudes of a fresh initialisation.

Directly in half precision and on any device: a net of full size never lies in memory twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

__all__ = ["State", "fill", "stored_name"]

State = dict[str, torch.Tensor]

_SPREAD = 0.02
"""Of biases and of what norms scale by, so that no two of them are equal and a mix-up shows."""


def fill(shapes: Mapping[str, torch.Tensor], seed: int, *, half: bool = True, device: str = "cpu") -> State:
    """A tensor for each of `shapes` ("meta" ones will do): float16, or those values in float32; on the CPU.

    `device` draws them. Weights have a standard deviation of 1/sqrt(fan in), so that signals keep their size
    from layer to layer and float16 does not overflow; norms scale by about 1.
    """
    generator = torch.Generator(device).manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        value = torch.empty(shape.shape, dtype=torch.float16, device=device)
        value.normal_(0.0, _deviation(name, shape), generator=generator)
        if "norm" in name and name.endswith("weight"):
            value += 1.0
        state[name] = value.cpu() if half else value.cpu().float()
    return state


def stored_name(name: str) -> str:
    """The name in a published text encoder's file: newer packages have dropped its first part."""
    return name if name.startswith(("text_model.", "text_projection.")) else f"text_model.{name}"


def _deviation(name: str, value: torch.Tensor) -> float:
    if value.dim() == 1:
        return _SPREAD
    return 1 / math.sqrt(math.prod(value.shape[1:]))
