"""The same on a GPU, where there is one: pinned, as fast as the bus, and the memory really given back."""

from __future__ import annotations

import statistics
import time

import pytest
import torch
from torch import nn

from shared_schema import accounts
from shared_schema.errors import OutOfMemory
from shared_schema.residence import Residence
from tests.torch.conftest import PICTURE, Net

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that torch can use")

GPU = "cuda"
SLACK = 64 * 2**20
"""Bytes: what libraries that were loaded meanwhile may keep."""


@pytest.fixture
def large() -> nn.Module:
    """1 GiB of weights in many layers."""
    return nn.Sequential(*(nn.Linear(4096, 4096, bias=False) for _ in range(16)))


def test_outputs_there_are_those_of_a_module_that_torch_moved(net: Net) -> None:
    plain = Net().eval().to(GPU)
    Residence([net]).to_device(GPU)
    with torch.inference_mode():
        assert torch.equal(net(PICTURE.to(GPU)), plain(PICTURE.to(GPU)))


def test_the_hosts_buffer_is_pinned_once_and_unpinned_when_dropped(net: Net) -> None:
    residence = Residence([net])
    assert not residence.is_pinned
    for _ in range(2):
        residence.to_device(GPU)
        residence.to_host()
        assert residence.is_pinned
        assert net.norm.weight.is_pinned()
    residence.drop()
    assert not residence.is_pinned


def test_leaving_gives_the_memory_back_to_the_driver(large: nn.Module) -> None:
    residence = Residence([large])
    residence.to_device(GPU)
    residence.to_host()
    before, _ = torch.cuda.mem_get_info()
    residence.to_device(GPU)
    there, _ = torch.cuda.mem_get_info()
    assert before - there >= residence.bytes
    assert accounts.held("GPU-1") >= residence.bytes
    residence.to_host()
    after, _ = torch.cuda.mem_get_info()
    assert before - after < SLACK
    assert accounts.held("GPU-1") < SLACK


def test_it_moves_within_a_third_more_than_a_plain_copy_takes(large: nn.Module) -> None:
    residence = Residence([large])
    residence.to_device(GPU)
    residence.to_host()
    pinned = torch.empty(residence.bytes, dtype=torch.uint8).pin_memory()
    target = torch.empty_like(pinned, device=GPU)
    copies, moves = [], []
    for _ in range(5):
        torch.cuda.synchronize()
        began = time.perf_counter()
        target.copy_(pinned, non_blocking=True)
        torch.cuda.synchronize()
        copies.append(time.perf_counter() - began)
        moves.append(residence.to_device(GPU).seconds)
        residence.to_host()
    assert statistics.median(moves) < 1.3 * statistics.median(copies)


def test_what_changes_there_is_kept(net: Net) -> None:
    residence = Residence([net])
    residence.to_device(GPU)
    net.narrow.weight.data += 1
    net.head.weight = nn.Parameter(net.head.weight * 2)
    expected = net.narrow.weight.cpu(), net.head.weight.cpu()
    residence.to_host()
    assert torch.equal(net.narrow.weight, expected[0])
    assert torch.equal(net.head.weight, expected[1])
    assert net.head.weight.device.type == "cpu"


def test_a_cache_that_the_work_left_there_comes_along(net: Net) -> None:
    residence = Residence([net])
    residence.to_device(GPU)
    cache = torch.ones(1000, device=GPU)
    net.cache = cache
    residence.to_host()
    assert net.cache.device.type == "cpu"
    residence.to_device(GPU)
    assert net.cache.device.type == GPU
    assert net.cache is cache


def test_without_room_the_modules_stay_on_the_host(large: nn.Module) -> None:
    residence = Residence([large])
    residence.to_device(GPU)
    residence.to_host()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(residence.bytes / total / 2)
    try:
        with pytest.raises(OutOfMemory, match="There is no room on cuda:0"):
            residence.to_device(GPU)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert residence.device.type == "cpu"
    assert accounts.held("GPU-1") < SLACK
    residence.to_device(GPU)
    assert next(large.parameters()).device.type == GPU
