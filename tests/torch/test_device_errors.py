"""What torch really raises is recognised: by class where it has one, by its words where not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from shared_schema.device_errors import translate
from shared_schema.errors import DeviceFailed, OutOfMemory

ROOT = Path(__file__).parents[2]
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that torch can use")

FAULT = """
import torch
from shared_schema.device_errors import translate
try:
    torch.zeros(4, device="cuda")[torch.tensor([99], device="cuda")].cpu()
except Exception as error:
    print(type(translate(error)).__name__)
"""


def test_the_classes_that_are_looked_for_exist_under_these_names() -> None:
    for name in ("OutOfMemoryError", "AcceleratorError"):
        kind = getattr(torch, name)
        assert kind.__name__ == name
        assert kind.__module__.partition(".")[0] == "torch"
        assert issubclass(kind, RuntimeError)


def test_the_classes_mean_what_they_say() -> None:
    assert isinstance(translate(torch.OutOfMemoryError("CUDA out of memory.")), OutOfMemory)
    assert isinstance(translate(torch.AcceleratorError("an illegal memory access")), DeviceFailed)


def test_more_than_the_host_has_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    error = translate(caught.value)
    assert isinstance(error, OutOfMemory)
    assert error.message == "The host ran out of memory."


@on_a_gpu
def test_more_than_the_gpu_has_is_out_of_memory_and_the_context_is_sound() -> None:
    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(1 << 42, dtype=torch.uint8, device="cuda")
    assert isinstance(translate(caught.value), OutOfMemory)
    assert torch.ones(3, device="cuda").sum().item() == 3


@on_a_gpu
def test_an_index_out_of_range_on_the_gpu_has_lost_it() -> None:
    """In a process of its own: no later call of it could use the GPU."""
    done = subprocess.run(
        [sys.executable, "-c", FAULT], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.split() == ["DeviceFailed"]
