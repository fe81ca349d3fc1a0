"""Drawing by SDXL's real nets, tiny and random: seeds, steps, stopping, schedulers, photos, devices."""

from __future__ import annotations

import io
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shared_schema.errors import Cancelled, EngineUnavailable, WeightsError
from shared_schema.messages import Profile
from shared_schema.stages import Scheduler
from tests.neural.vision import tiny_sdxl
from tests.neural.vision.conftest import GLASS_SIDE, HOPPER, context, draw, photo, plan
from tests.neural.vision.single_file import make_single_file
from vision_worker.images import Pixels
from vision_worker.sdxl import schedulers
from vision_worker.sdxl.checkpoint import Checkpoint, locate
from vision_worker.sdxl.network import Network, load
from vision_worker.sdxl.painting import REFINED_SHARE, Studio

ELSEWHERE = "cpu:0"
"""A second place on the host, which stands for a GPU's memory."""


def steps_of(net: Any, work: Any) -> int:
    """How often a net came to an end while `work` ran."""
    count = 0

    def ended(*_arguments: object) -> None:
        nonlocal count
        count += 1

    hook = net.register_forward_hook(ended)
    try:
        work()
    finally:
        hook.remove()
    return count


def apart(one: Pixels, other: Pixels) -> float:
    """Mean difference of two pictures, in 0 to 255."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_a_seed_gives_the_same_picture_and_another_seed_another(network: Network) -> None:
    first = draw(network, seed=5)
    assert first.shape == (256, 256, 3)
    assert first.std() > 20  # else any two would be alike
    assert np.array_equal(draw(network, seed=5), first)
    assert apart(draw(network, seed=6), first) > 10


def test_a_prompt_is_followed_and_so_is_what_not_to_draw(network: Network) -> None:
    words = plan(network).words
    other = type(words)("a queen", words.negative)
    avoiding = type(words)(words.prompt, "hats")
    first = draw(network)
    assert apart(draw(network, words=other), first) > 0.5
    assert apart(draw(network, words=avoiding), first) > 0.5
    unguided = draw(network, guidance=0.0)
    assert np.array_equal(draw(network, guidance=0.0, words=avoiding), unguided)


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


def test_each_step_is_told_and_none_twice(network: Network) -> None:
    heard: list[tuple[str, int, int]] = []
    studio = Studio(
        network,
        plan(network, 5),
        context(progress=lambda phase, done, total, _eta: heard.append((phase, done, total))),
    )
    assert steps_of(network.painter.unet, lambda: studio.draw(1, "drawing")) == 5
    drawing = [done for phase, done, total in heard if (phase, total) == ("drawing", 5)]
    assert sorted(set(drawing)) == [0, 1, 2, 3, 4, 5]
    assert drawing == sorted(drawing)
    assert {phase for phase, _, _ in heard} == {"reading the prompt", "drawing", "developing"}


def test_each_step_can_be_seen(network: Network) -> None:
    seen: list[bytes] = []
    listening = context(chunk=lambda name, data, _last: seen.append(data) if name == "preview" else None)
    Studio(network, plan(network, 3, preview=True), listening).draw(1, "drawing")
    pictures = [np.asarray(Image.open(io.BytesIO(data))) for data in seen]
    assert [picture.shape for picture in pictures] == [(32, 32, 3)] * 3
    assert not np.array_equal(pictures[0], pictures[1])
    seen.clear()
    Studio(network, plan(network, 3), listening).draw(1, "drawing")
    assert seen == []


@pytest.mark.parametrize("stop_at", [0, 2])
def test_a_drawing_stops_within_a_step_and_the_next_one_is_as_if_nothing_had_been(
    network: Network, stop_at: int
) -> None:
    wanted = draw(network, seed=3, steps=6)
    cancelled = threading.Event()

    def stop(phase: str, done: int, _total: int, _eta: float | None) -> None:
        if phase == "drawing" and done == stop_at:
            cancelled.set()

    studio = Studio(network, plan(network, 6), context(progress=stop, cancelled=cancelled))

    def stopped() -> None:
        with pytest.raises(Cancelled):
            studio.draw(3, "drawing")

    assert steps_of(network.painter.unet, stopped) == stop_at
    assert np.array_equal(draw(network, seed=3, steps=6), wanted)


def test_every_scheduler_draws_and_none_like_another(network: Network) -> None:
    pictures = {scheduler: draw(network, steps=5, scheduler=scheduler) for scheduler in Scheduler}
    assert np.array_equal(pictures[Scheduler.AUTO], pictures[Scheduler.EULER])  # as published
    del pictures[Scheduler.AUTO]
    names = list(pictures)
    for place, one in enumerate(names):
        assert pictures[one].std() > 20
        for other in names[place + 1 :]:
            assert not np.array_equal(pictures[one], pictures[other]), (one, other)


def test_a_scheduler_has_the_name_that_draws_like_it(network: Network) -> None:
    for scheduler in set(Scheduler) - {Scheduler.AUTO}:
        assert schedulers.named(schedulers.make(scheduler, network.own_scheduler)) is scheduler
    assert schedulers.named(network.own_scheduler) is Scheduler.EULER
    assert schedulers.named(object()) is Scheduler.AUTO


def test_a_photo_is_drawn_from_and_strength_leads_away_from_it(glass_network: Network) -> None:
    start = photo(HOPPER, GLASS_SIDE)
    near, far = (
        draw(glass_network, steps=10, photo=start, strength=strength, guidance=0.0)
        for strength in (0.05, 0.5)
    )
    assert apart(near, start) < 12
    assert apart(far, start) > apart(near, start) + 5
    assert steps_of(
        glass_network.painter.unet, lambda: draw(glass_network, steps=10, photo=start, strength=0.3)
    ) == pytest.approx(3, abs=1)


def test_the_least_strength_still_draws_a_step(glass_network: Network) -> None:
    start = photo(HOPPER, GLASS_SIDE)
    count = steps_of(
        glass_network.painter.unet, lambda: draw(glass_network, steps=2, photo=start, strength=0.05)
    )
    assert count == 1


def test_the_refiner_makes_the_last_steps(home: Path) -> None:
    tiny_sdxl.make_refiner(home / "models" / "sdxl-refiner")
    network = load(locate(""), torch.float32)
    refiner = network.need_refiner()
    assert refiner.vae is network.painter.vae
    assert refiner.text_encoder_2 is network.painter.text_encoder_2
    heard: list[int] = []
    listening = context(
        progress=lambda phase, done, _t, _e: heard.append(done) if phase == "drawing" else None
    )
    studio = Studio(network, plan(network, 10, refine=True), listening)
    refined: list[Pixels] = []
    assert steps_of(refiner.unet, lambda: refined.append(studio.draw(0, "drawing"))) == 2
    assert steps_of(network.painter.unet, lambda: studio.draw(0, "drawing")) == 10 * REFINED_SHARE
    assert sorted(set(heard)) == list(range(11))
    assert apart(draw(network, steps=10), refined[0]) > 1
    assert np.array_equal(studio.draw(0, "drawing"), refined[0])


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


def test_without_the_refiner_s_weights_it_is_said_how_to_get_them(home: Path) -> None:
    network = load(locate(""), torch.float32)
    with pytest.raises(EngineUnavailable, match="fetch sdxl-refiner"):
        Studio(network, plan(network, refine=True), context())


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
