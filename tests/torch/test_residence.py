"""Weights that move keep their values, their ties and their strides, whatever was done to them meanwhile.

The second place is a second buffer on the host: a GPU's part is in `test_residence_cuda.py`.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from shared_schema.residence import Residence
from tests.torch.conftest import PICTURE, Net, answer, memory

HERE = "cpu:0"


def pointers(net: nn.Module) -> dict[str, int]:
    return {name: tensor.data_ptr() for name, tensor in (*net.named_parameters(), *net.named_buffers())}


def test_outputs_are_the_same_bit_for_bit_before_during_and_after(net: Net) -> None:
    before = answer(net)
    residence = Residence([net])
    packed = answer(net)
    residence.to_device(HERE)
    during = answer(net)
    residence.to_host()
    assert all(torch.equal(before, other) for other in (packed, during, answer(net)))


def test_all_tensors_lie_in_one_buffer_here_and_in_another_there(net: Net, residence: Residence) -> None:
    here = pointers(net)
    moved = residence.to_device(HERE)
    there = pointers(net)
    distances = {there[name] - here[name] for name in here if name != "none"}
    assert len(distances) == 1
    assert distances != {0}
    assert moved.bytes == residence.bytes
    assert moved.seconds > 0
    storages = {p.untyped_storage().data_ptr() for p in (*net.parameters(), *net.buffers()) if p.numel()}
    assert len(storages) == 1


def test_a_later_move_uses_the_hosts_buffer_again(net: Net, residence: Residence) -> None:
    here = pointers(net)
    for _ in range(3):
        residence.to_device(HERE)
        residence.to_host()
        assert pointers(net) == here


def test_the_way_back_copies_nothing_when_nothing_changed(residence: Residence) -> None:
    residence.to_device(HERE)
    assert residence.to_host().bytes == 0


def test_moving_to_where_it_is_does_nothing(residence: Residence) -> None:
    residence.to_device(HERE)
    assert residence.to_device(HERE) == (0, 0.0)
    residence.to_host()
    assert residence.to_host() == (0, 0.0)


def test_on_a_machine_without_a_gpu_nothing_is_copied(net: Net, residence: Residence) -> None:
    """There an engine is told to compute on "cpu", which is where the weights are."""
    here = pointers(net)
    assert residence.to_device("cpu") == (0, 0.0)
    assert pointers(net) == here
    residence.to_device(HERE)
    residence.to_device("cpu")
    assert pointers(net) == here


def test_what_was_copied_there_is_freed_on_the_way_back(net: Net, residence: Residence) -> None:
    residence.to_device(HERE)
    copy = memory(net.norm.weight)
    residence.to_host()
    assert copy.expired()


def test_tied_weights_stay_tied(net: Net, residence: Residence) -> None:
    for move in (lambda: residence.to_device(HERE), residence.to_host):
        move()
        assert net.head.weight is net.words.weight
        with torch.no_grad():
            net.words.weight[3] += 1
        assert torch.equal(net.head.weight[3], net.words.weight[3])


def test_tensors_that_overlap_in_memory_still_do(net: Net) -> None:
    shared = torch.arange(40, dtype=torch.float32)
    net.first = nn.Parameter(shared[:30].view(5, 6))
    net.second = nn.Parameter(shared[20:])
    net.raw = nn.Buffer(shared.view(torch.int32)[8:12])
    residence = Residence([net])
    residence.to_device(HERE)
    with torch.no_grad():
        net.second[0] = 99.0
    residence.to_host()
    assert net.first.data[3, 2] == 99.0
    assert net.second.data_ptr() - net.first.data_ptr() == 80
    assert torch.equal(net.raw.view(torch.float32), torch.arange(8.0, 12.0))


def test_strides_are_kept(net: Net, residence: Residence) -> None:
    net.expanded = nn.Buffer(torch.arange(3.0).expand(4, 3))
    wide = torch.rand(6, 8)
    net.sliced = nn.Parameter(wide[::2, 1:7])
    residence = Residence([net])
    residence.to_device(HERE)
    assert net.convolution.weight.is_contiguous(memory_format=torch.channels_last)
    assert net.expanded.stride() == (0, 1)
    assert net.sliced.stride() == (16, 1)
    assert torch.equal(net.sliced, wide[::2, 1:7])
    assert torch.equal(net.expanded[3], torch.arange(3.0))


def test_modules_made_in_inference_mode_move_as_well() -> None:
    with torch.inference_mode():
        net = Net().eval()
        residence = Residence([net])
        before = net(PICTURE).clone()
        residence.to_device(HERE)
        residence.to_host()
        residence.to_device(HERE)
        assert torch.equal(net(PICTURE), before)


def test_after_a_move_in_inference_mode_parameters_can_still_be_trained(net: Net) -> None:
    with torch.inference_mode():
        Residence([net]).to_device(HERE)
    net.train()(PICTURE.expand(2, -1, -1, -1)).sum().backward()
    assert net.convolution.weight.grad is not None


def test_without_room_the_modules_stay_where_they_are(net: Net) -> None:
    """In a process of its own whose address space is limited: a real allocation fails."""
    script = """
import resource, torch
from torch import nn
from shared_schema.errors import OutOfMemory
from shared_schema.residence import Residence
from tests.torch.conftest import PICTURE, Net, answer, memory
net = nn.Linear(8192, 8192, bias=False)
residence = Residence([net])
value, place = net.weight.sum(), net.weight.data_ptr()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, resource.RLIM_INFINITY))
try:
    residence.to_device("cpu:0")
except OutOfMemory as error:
    print(error)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
assert net.weight.data_ptr() == place and torch.equal(net.weight.sum(), value)
residence.to_device("cpu:0")
assert net.weight.data_ptr() != place and torch.equal(net.weight.sum(), value)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("There is no room on cpu:0 for weights of 0.25 GiB. Close")


def test_dropped_weights_are_freed_and_cannot_be_moved(net: Net, residence: Residence) -> None:
    residence.to_device(HERE)
    residence.to_host()
    here = memory(net.norm.weight)
    residence.to_device(HERE)
    there = memory(net.norm.weight)
    residence.drop()
    assert here.expired()
    assert there.expired()
    assert residence.bytes == 0
    assert sum(tensor.numel() for tensor in (*net.parameters(), *net.buffers())) == 0
    with pytest.raises(RuntimeError, match="dropped"):
        residence.to_device(HERE)


def test_the_originals_are_freed_when_they_are_packed(net: Net) -> None:
    originals = [memory(net.norm.weight), memory(net.words.weight)]
    residence = Residence([net])
    assert all(original.expired() for original in originals)
    assert not memory(net.norm.weight).expired()
    assert residence.bytes > 0


def test_importing_it_does_not_import_torch() -> None:
    code = "import shared_schema.residence, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
