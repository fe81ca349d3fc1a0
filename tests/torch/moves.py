"""Run by `tests.bench.handover` with a Python that has torch: seconds and GB/s of each way to move weights.

On a GPU, weights of the size of the models we know, in fp16; without one, half a gigabyte into a second
place in host memory, which shows what is added to the copy, not how fast a bus is.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from shared_schema.residence import Residence
from tests.bench.measure import median, say

ROUNDS = 5
MODELS = {"SDXL": 6.9e9, "MuseTalk": 1.9e9, "XTTS": 1.9e9}
WIDTH = 1280
SAMPLE = 2**30
"""Bytes of the plain copy on a GPU: enough to know its rate, and a power of two, as torch pins."""


class Weights(nn.Module):
    """As many square layers as make up the size; SDXL has 2,500 tensors, this has 2,100."""

    def __init__(self, size: float) -> None:
        super().__init__()
        layer = torch.rand(WIDTH, WIDTH).half()
        self.layers = nn.ParameterList(
            nn.Parameter(layer.clone(), requires_grad=False) for _ in range(int(size / layer.nbytes))
        )


def main() -> None:
    """Each model in turn."""
    if not torch.cuda.is_available():
        say("no GPU: copies go to a second place in host memory", f"{torch.get_num_threads()} threads")
        _measure("0.5 GB", 0.5e9, "cpu:0")
        return
    say("GPU", torch.cuda.get_device_name())
    for name, size in MODELS.items():
        _measure(name, size, "cuda")


def _measure(name: str, size: float, device: str) -> None:
    weights = Weights(size)
    total = sum(parameter.nbytes for parameter in weights.parameters())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_file(weights.state_dict(), path)
        reload = _timed(lambda: _reload(weights, path, device))
    there, back = _medians(lambda: _one_by_one(weights, device), lambda: _one_by_one(weights, "cpu"))

    residence = Residence([weights])
    first = residence.to_device(device).seconds
    residence.to_host()
    sample = _sample(device, total)
    copies, moves, returns = [], [], []
    for _ in range(ROUNDS):
        copies.append(_timed(lambda: _copy(sample, device)) / len(sample) * total)
        moves.append(residence.to_device(device).seconds)
        returns.append(residence.to_host().seconds)
    residence.drop()

    copy, move = median(copies), median(moves)
    for what, seconds in (
        ("plain copy, host to device", copy),
        ("Residence.to_device, the first time", first),
        ("Residence.to_device, later", move),
        ("Residence.to_host", median(returns)),
        ("tensor by tensor, there", there),
        ("tensor by tensor, back", back),
        ("dropped and read again from a file that is in memory", reload),
    ):
        say(f"{name}: {what}", f"{seconds * 1000:.0f} ms, {total / seconds / 1e9:.1f} GB/s")
    say(f"{name}: to_device over plain copy (goal on a GPU: 1.3)", f"{move / copy:.2f}")


def _sample(device: str, total: int) -> torch.Tensor:
    if device == "cuda":
        return torch.zeros(SAMPLE, dtype=torch.uint8).pin_memory()
    return torch.ones(total, dtype=torch.uint8)


def _copy(source: torch.Tensor, device: str) -> None:
    """Into memory that was just taken, as a move does."""
    torch.empty_like(source, device=device).copy_(source, non_blocking=True)


def _one_by_one(weights: Weights, device: str) -> None:
    """What `module.to` does; on the host, where that does nothing, the same with copies."""
    if torch.cuda.is_available():
        weights.to(device)
        torch.cuda.empty_cache()
        return
    for parameter in weights.parameters():
        parameter.data = parameter.data.clone()


def _reload(weights: Weights, path: Path, device: str) -> None:
    weights.to("meta")
    gc.collect()
    weights.load_state_dict(load_file(path), assign=True)
    _one_by_one(weights, device)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _medians(*works: Callable[[], None]) -> list[float]:
    """The median seconds of each, done in turn."""
    turns = [[_timed(work) for work in works] for _ in range(ROUNDS)]
    return [median(list(times)) for times in zip(*turns, strict=True)]


if __name__ == "__main__":
    main()
