"""A small network with all that makes moving hard, and its Residence."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from shared_schema.residence import Residence

PICTURE = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)


class Net(nn.Module):
    """Convolutions in channels_last, running statistics, an embedding tied to its head, several types."""

    scale: torch.Tensor
    mask: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)
        self.convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.norm = nn.BatchNorm2d(8)
        self.words = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 50, bias=False)
        self.head.weight = self.words.weight
        self.register_buffer("scale", torch.rand(8, dtype=torch.float64), persistent=False)
        self.register_buffer("mask", torch.rand(5, 3) > 0.5)
        self.register_buffer("none", torch.empty(0))
        self.narrow = nn.Linear(8, 8).half()

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        seen = self.norm(self.convolution(picture)).mean((2, 3)) * self.scale.float()
        return self.head(self.narrow(seen.half()).float()) + self.mask.sum()


@pytest.fixture
def net() -> Net:
    return Net().eval()


@pytest.fixture
def residence(net: Net) -> Residence:
    return Residence({"net": net})


def answer(net: Net) -> torch.Tensor:
    with torch.inference_mode():
        return net(PICTURE).clone()


def memory(tensor: torch.Tensor) -> StorageWeakRef:
    """What `expired` says of the memory that a tensor points at: that it was freed."""
    return StorageWeakRef(tensor.untyped_storage())
