"""Drawing by SDXL's real nets, tiny and random: seeds, steps, stopping, schedulers, photos, the refiner."""

from __future__ import annotations

import io
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shared_schema.errors import Cancelled, EngineUnavailable, WeightsError
from shared_schema.stages import Scheduler
from tests.neural.vision import tiny_sdxl
from tests.neural.vision.conftest import GLASS_SIDE, HOPPER, apart, context, draw, photo, plan, steps_of
from vision_worker.images import Pixels
from vision_worker.sdxl import schedulers
from vision_worker.sdxl.checkpoint import Checkpoint, locate
from vision_worker.sdxl.network import Network, load
from vision_worker.sdxl.painting import REFINED_SHARE, Studio


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


@pytest.mark.parametrize(("strength", "drawn"), [(0.05, 1), (0.3, 3), (0.55, 5), (1.0, 10)])
def test_from_a_photo_the_share_of_steps_that_strength_says_is_drawn_and_told(
    glass_network: Network, strength: float, drawn: int
) -> None:
    heard: set[tuple[int, int]] = set()
    listening = context(progress=lambda phase, *told: heard.add(told[:2]) if phase == "drawing" else None)
    wish = plan(glass_network, 10, photo=photo(HOPPER, GLASS_SIDE), strength=strength)
    studio = Studio(glass_network, wish, listening)
    assert steps_of(glass_network.painter.unet, lambda: studio.draw(0, "drawing")) == drawn
    assert heard == {(done, drawn) for done in range(drawn + 1)}


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


def test_without_the_refiner_s_weights_it_is_said_how_to_get_them(home: Path) -> None:
    network = load(locate(""), torch.float32)
    with pytest.raises(EngineUnavailable, match="fetch sdxl-refiner"):
        Studio(network, plan(network, refine=True), context())


def test_latents_of_their_own_mean_and_spread_are_drawn_with_the_right_colours(
    glass: Path, tmp_path: Path
) -> None:
    """Some checkpoints made of SDXL have them; a photo must pass through those as through others."""
    folder = shutil.copytree(glass / "models" / "sdxl-base", tmp_path / "own")
    config = json.loads((folder / "vae" / "config.json").read_text())
    config |= {"latents_mean": [0.1, -0.2, 0.3, 0.0], "latents_std": [2.0, 1.5, 1.0, 0.5]}
    (folder / "vae" / "config.json").write_text(json.dumps(config))
    start = photo(HOPPER, GLASS_SIDE)
    drawn = draw(load(Checkpoint(folder, folder), torch.float32), steps=20, photo=start, strength=0.05)
    assert apart(drawn, start) < 12


def test_numbers_that_overflow_are_told_and_give_no_picture(home: Path) -> None:
    network = load(locate(""), torch.float32)
    network.painter.vae.decoder.conv_out.bias.data.fill_(float("inf"))
    with pytest.raises(WeightsError, match="sdxl-base gives no picture"):
        draw(network)
