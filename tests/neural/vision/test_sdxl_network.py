"""SDXL's real nets, tiny and random: read in every layout and format, moved, tiled, refused, dropped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from shared_schema.errors import WeightsError
from shared_schema.messages import Profile
from tests.neural.vision import tiny_sdxl
from tests.neural.vision.conftest import GLASS_SIDE, HOPPER, apart, context, draw, photo, plan, steps_of
from tests.neural.vision.single_file import make_single_file
from vision_worker.images import Pixels
from vision_worker.sdxl.checkpoint import Checkpoint, locate
from vision_worker.sdxl.network import Network, load
from vision_worker.sdxl.painting import Studio

ELSEWHERE = "cpu:0"
"""A second place on the host, which stands for a GPU's memory."""


def test_folder_full_precision_and_single_file_draw_the_same(
    network: Network, tiny: Path, tmp_path: Path
) -> None:
    """The weights of all three are the same numbers of 16 bits; sums may come out in another last place."""
    folder = tiny / "models" / "sdxl-base"
    plain = tiny_sdxl.make(tmp_path / "plain", variant=None)
    single = make_single_file(tmp_path / "one.safetensors", folder)
    wanted = draw(network)
    for checkpoint in (Checkpoint(plain, plain), Checkpoint(single, folder)):
        drawn = draw(load(checkpoint, torch.float32))
        assert np.abs(drawn.astype(int) - wanted.astype(int)).max() <= 1


def test_half_precision_is_read_as_it_is_and_draws_the_same_once_converted(
    network: Network, tiny: Path
) -> None:
    folder = tiny / "models" / "sdxl-base"
    half = load(Checkpoint(folder, folder), torch.float16)
    assert half.dtype == torch.float16
    assert half.bytes < 0.6 * network.bytes
    half.convert("float32")
    assert half.dtype == torch.float32
    assert np.array_equal(draw(half), draw(network))


def test_the_vae_that_overflows_stays_in_full_precision(tiny: Path) -> None:
    folder = tiny / "models" / "sdxl-base"
    half = load(Checkpoint(folder, folder), torch.float16)
    assert half.painter.vae.config.force_upcast
    assert half.painter.vae.dtype == torch.float32


def test_the_fetched_weights_take_the_vae_that_does_not_overflow(home: Path) -> None:
    tiny_sdxl.make_vae_fix(home / "models" / "sdxl-vae")
    fetched = load(locate(""), torch.float16)
    assert not fetched.painter.vae.config.force_upcast
    assert fetched.painter.vae.dtype == torch.float16
    own = shutil.copytree(home / "models" / "sdxl-base", home / "own")
    assert load(locate(str(own)), torch.float16).painter.vae.config.force_upcast


def test_of_the_two_denoisers_one_is_on_the_device_at_a_time(home: Path) -> None:
    tiny_sdxl.make_refiner(home / "models" / "sdxl-refiner")
    network = load(locate(""), torch.float32)
    present: set[tuple[str, ...]] = set()

    def look(_phase: str, _done: int, _total: int, _eta: float | None) -> None:
        present.add(tuple(part for part in network.parts if network.is_away(part)))

    Studio(network, plan(network, 5, refine=True), context(ELSEWHERE, progress=look)).draw(0, "drawing")
    assert any("unet" in parts for parts in present)
    assert any("refiner" in parts for parts in present)
    assert not any({"unet", "refiner"} <= set(parts) for parts in present)


def test_a_turbo_draws_at_its_own_size_in_few_steps_without_guidance(tmp_path: Path) -> None:
    folder = tiny_sdxl.make_turbo(tmp_path / "turbo")
    turbo = load(Checkpoint(folder, folder), torch.float32)
    assert (turbo.manner.steps, turbo.manner.guidance, turbo.native_side) == (4, 0.0, 128)
    assert draw(turbo, steps=turbo.manner.steps, guidance=turbo.manner.guidance).shape == (128, 128, 3)


def test_it_leaves_the_device_and_comes_back_with_the_same_picture(tiny: Path, network: Network) -> None:
    folder = tiny / "models" / "sdxl-base"
    moved = load(Checkpoint(folder, folder), torch.float32)
    there = Studio(moved, plan(moved), context(ELSEWHERE))
    wanted = draw(network, seed=4)
    assert np.array_equal(there.draw(4, "drawing"), wanted)
    assert len({tensor.data_ptr() for tensor in moved.painter.unet.parameters()}) > 1
    moved.leave()
    assert np.array_equal(Studio(moved, plan(moved), context(ELSEWHERE)).draw(4, "drawing"), wanted)


def test_by_parts_one_part_is_on_the_device_at_a_time(tiny: Path, network: Network) -> None:
    folder = tiny / "models" / "sdxl-base"
    moved = load(Checkpoint(folder, folder), torch.float32)
    present: list[list[str]] = []

    def look(_phase: str, _done: int, _total: int, _eta: float | None) -> None:
        present.append([part for part in moved.parts if moved.is_away(part)])

    profile = Profile("8", by_parts=True)
    drawn = Studio(moved, plan(moved), context(ELSEWHERE, profile, progress=look)).draw(4, "drawing")
    assert max(map(len, present)) == 1
    assert {tuple(parts) for parts in present} >= {("encoders",), ("unet",), ("vae",)}
    assert np.array_equal(drawn, draw(network, seed=4))


def test_in_tiles_a_picture_is_nearly_the_same(glass_network: Network) -> None:
    square = plan(glass_network, 4, photo=photo(HOPPER, GLASS_SIDE), strength=0.25, guidance=0.0)
    whole = Studio(glass_network, square, context()).draw(0, "drawing")
    decoder = glass_network.painter.vae.decoder
    tiled = Studio(glass_network, square, context(profile=Profile(tiling=True)))
    pictures: list[Pixels] = []
    assert steps_of(decoder, lambda: pictures.append(tiled.draw(0, "drawing"))) == 9
    assert 0 < apart(pictures[0], whole) < 3
    assert steps_of(decoder, lambda: Studio(glass_network, square, context()).draw(0, "drawing")) == 1


def test_dropped_nets_are_gone(tiny: Path) -> None:
    folder = tiny / "models" / "sdxl-base"
    network = load(Checkpoint(folder, folder), torch.float32)
    network.drop()
    assert network.bytes == 0
    assert sum(parameter.numel() for parameter in network.painter.unet.parameters()) == 0


def test_a_truncated_net_is_refused(home: Path) -> None:
    path = home / "models" / "sdxl-base" / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match="sdxl-base cannot be read"):
        load(locate(""), torch.float32)


def test_a_net_that_lacks_a_weight_is_refused(home: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = home / "models" / "sdxl-base" / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    tensors = load_file(path)
    del tensors["mid_block.resnets.0.conv1.weight"]
    save_file(tensors, path)
    with pytest.raises(WeightsError, match=r"mid_block\.resnets\.0\.conv1\.weight"):
        load(locate(""), torch.float32)
