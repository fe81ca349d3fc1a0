"""Whatever is done to a module while it is away, nothing is lost on the way back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from shared_schema.residence import Residence
from tests.torch.conftest import PICTURE, Net, answer

HERE = "cpu:0"


CHANGES: dict[str, Callable[[Net], object]] = {
    "running statistics": lambda net: net.train()(PICTURE),
    "a value in place": lambda net: net.narrow.bias.add_(1),
    "a value behind the version counter's back": lambda net: net.narrow.weight.data.add_(0.5),
    "a sign": lambda net: net.scale.neg_(),
    "two values that change places": lambda net: net.narrow.bias.copy_(net.narrow.bias.flip(0)),
    "data of the same shape": lambda net: setattr(net.narrow.weight, "data", net.narrow.weight.data * 2),
    "data of another type": lambda net: setattr(net.scale, "data", net.scale.data.float() * 2),
    "data of another shape": lambda net: setattr(net.mask, "data", torch.ones(7, dtype=torch.bool)),
    "a new parameter": lambda net: setattr(net.narrow, "weight", nn.Parameter(net.narrow.weight + 1)),
    "one tied weight for a new one": lambda net: setattr(
        net.head, "weight", nn.Parameter(net.head.weight + 1)
    ),
    "a whole new part": lambda net: net.add_module("norm", nn.Sequential(net.norm, nn.Conv2d(8, 8, 1))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_what_changes_there_is_kept(
    net: Net, residence: Residence, change: Callable[[Net], object], mode: Callable[[], torch.no_grad]
) -> None:
    before = answer(net)
    residence.to_device(HERE)
    with mode():
        change(net)
        net.eval()
    changed = answer(net)
    assert not torch.equal(before, changed)
    residence.to_host()
    assert torch.equal(answer(net), changed)
    residence.to_device(HERE)
    residence.to_host()
    assert torch.equal(answer(net), changed)


def test_adapters_are_fused_without_the_version_counter(net: Net) -> None:
    """Why fingerprints are taken: if this fails, counting versions would do."""
    version = net.narrow.weight._version
    net.narrow.weight.data += 1
    assert net.narrow.weight._version == version


def test_only_the_section_that_changed_is_copied_back() -> None:
    net = nn.Linear(8192, 4096, bias=False)  # 128 MiB
    residence = Residence([net])
    residence.to_device(HERE)
    net.weight.data[-1, -1] = 5
    assert 0 < residence.to_host().bytes < residence.bytes / 2
    assert net.weight.data[-1, -1] == 5


def test_what_changes_on_the_host_is_moved_too(net: Net, residence: Residence) -> None:
    residence.to_device(HERE)
    residence.to_host()
    with torch.no_grad():
        net.narrow.bias.add_(1)
        net.words.weight.data = net.words.weight.data * 2
    here = answer(net)
    residence.to_device(HERE)
    assert torch.equal(answer(net), here)


def test_a_tied_weight_that_was_replaced_leaves_the_other_alone(net: Net) -> None:
    shared = torch.rand(6)
    net.first, net.second = nn.Parameter(shared), nn.Parameter(shared[:])
    residence = Residence([net])
    residence.to_device(HERE)
    net.first.data = torch.zeros(6)
    residence.to_host()
    assert torch.equal(net.second, shared)
    assert torch.equal(net.first, torch.zeros(6))


def test_an_expanded_tensor_may_be_replaced_by_another(net: Net) -> None:
    net.scale = nn.Buffer(torch.ones(1).expand(8))
    residence = Residence([net])
    residence.to_device(HERE)
    net.scale.data = torch.full((1,), 3.0).expand(8)
    residence.to_host()
    assert net.scale.tolist() == [3.0] * 8


def test_what_was_packed_in_inference_mode_may_change_outside_it(net: Net) -> None:
    with torch.inference_mode():
        residence = Residence([net])
        residence.to_device(HERE)
    net.narrow.weight.data += 1
    changed = answer(net)
    residence.to_host()
    assert torch.equal(answer(net), changed)
