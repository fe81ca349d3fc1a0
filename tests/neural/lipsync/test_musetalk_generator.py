"""Faces come out the same whatever the batch, all of them and in order, also where memory runs short."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.musetalk.generator import Generator, positions
from lipsync_worker.musetalk.model import Network

COUNT = 7


@pytest.fixture(scope="module")
def face() -> Picture:
    """Soft blobs, another picture in each channel and each half."""
    dice = np.random.default_rng(1).integers(0, 256, (9, 9, 3)).astype(np.float32)
    grid = np.linspace(0, 7.999, 256)
    low, share = grid.astype(int), (grid % 1)[:, None]
    rows = dice[low] * (1 - share[..., None]) + dice[low + 1] * share[..., None]
    whole = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    return picture(whole)


@pytest.fixture(scope="module")
def contexts() -> Floats:
    """As loud as Whisper's, and different from frame to frame."""
    return np.random.default_rng(2).normal(0.35, 1.2, (COUNT, 50, 384)).astype(np.float32)


@pytest.fixture(scope="module")
def references(smallest: Network, face: Picture) -> list[torch.Tensor]:
    generator = Generator(smallest, batch=1)
    return [generator.refer(np.roll(face, 16 * number, axis=1)) for number in range(COUNT)]


@pytest.fixture(scope="module")
def singly(smallest: Network, references: list[torch.Tensor], contexts: Floats) -> Picture:
    """The faces, made one at a time."""
    return drawn(Generator(smallest, batch=1), references, contexts)


def drawn(generator: Generator, references: list[torch.Tensor], contexts: Floats) -> Picture:
    return np.concatenate([batch.pictures() for batch in generator.render(references, contexts)])


def apart(one: Picture, other: Picture) -> int:
    """The most that two pictures differ anywhere, in levels."""
    return int(np.abs(one.astype(int) - other).max())


@contextmanager
def short_of_memory(network: Network, room: int) -> Iterator[list[int]]:
    """Within it the UNet has room for so many faces at once. Gives the sizes of the batches that were tried.

    A CPU runs out of memory by being killed. So a hook raises what torch raises on a GPU, where it raises it:
    out of a net's forward pass, which is as far as the generator knows it.
    """
    tried: list[int] = []

    def refuse(_net: object, given: tuple[torch.Tensor, ...]) -> None:
        tried.append(len(given[0]))
        if len(given[0]) > room:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = network.unet.register_forward_pre_hook(refuse)
    try:
        yield tried
    finally:
        hook.remove()


def test_the_position_table_is_the_published_one() -> None:
    table = positions()
    assert table.shape == (50, 384)
    for place in (0, 1, 17, 49):
        for channel in (0, 1, 2, 101, 382, 383):
            angle = place / 10_000 ** (channel // 2 * 2 / 384)
            expected = math.cos(angle) if channel % 2 else math.sin(angle)
            assert table[place, channel].item() == pytest.approx(expected, abs=1e-4)


def test_the_order_of_what_is_heard_counts(
    smallest: Network, references: list[torch.Tensor], contexts: Floats, singly: Picture
) -> None:
    backwards = drawn(Generator(smallest, batch=1), references[:1], contexts[:1, ::-1].copy())
    assert apart(backwards, singly[:1]) > 1


@pytest.mark.parametrize("batch", [2, 3, 7, 64])
def test_a_batch_gives_the_same_faces_as_one_at_a_time(
    smallest: Network, references: list[torch.Tensor], contexts: Floats, singly: Picture, batch: int
) -> None:
    """To one level: nets round otherwise in batches."""
    generator = Generator(smallest, batch=batch)
    made = [faces.pictures() for faces in generator.render(references, contexts)]
    assert [len(faces) for faces in made] == [min(batch, COUNT - at) for at in range(0, COUNT, batch)]
    assert apart(np.concatenate(made), singly) <= 1


def test_each_face_is_its_own(singly: Picture) -> None:
    for number in range(COUNT - 1):
        assert apart(singly[number], singly[number + 1]) > 20


def test_the_lower_half_reaches_the_mouth_only_as_a_reference(smallest: Network, face: Picture) -> None:
    generator = Generator(smallest, batch=1)
    other = face.copy()
    other[128:] = 255 - other[128:]
    ours, theirs = generator.refer(face), generator.refer(other)
    assert torch.equal(ours[:4], theirs[:4])
    assert not torch.equal(ours[4:], theirs[4:])


@pytest.mark.parametrize("room", [1, 3, 5])
def test_out_of_memory_halves_the_batch_and_goes_on(
    smallest: Network,
    references: list[torch.Tensor],
    contexts: Floats,
    singly: Picture,
    *,
    room: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    generator = Generator(smallest, batch=6)
    with short_of_memory(smallest, room) as tried, caplog.at_level(logging.WARNING):
        made = drawn(generator, references, contexts)
        assert apart(made, singly) <= 1
        first = list(tried)
        drawn(generator, references, contexts)
    assert first[:2] == [6, 3]
    assert max(tried[len(first) :]) <= room, "what it has learnt it must not forget"
    assert generator.batch <= room
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "The GPU is short of memory: 3 faces at a time from now on."
    assert len(told) == {1: 2, 3: 1, 5: 1}[room]


def test_a_single_face_without_room_is_an_error(
    smallest: Network, references: list[torch.Tensor], contexts: Floats
) -> None:
    generator = Generator(smallest, batch=4)
    with short_of_memory(smallest, 0), pytest.raises(torch.OutOfMemoryError):
        generator.render(references, contexts)
    assert len(drawn(generator, references, contexts)) == COUNT


def test_nothing_to_render_is_nothing(smallest: Network) -> None:
    assert list(Generator(smallest, batch=4).render([], np.zeros((0, 50, 384), np.float32))) == []


def test_without_a_seed_the_best_guess_is_taken_and_with_one_what_it_draws(
    smallest: Network, face: Picture
) -> None:
    first, again, other = (Generator(smallest, batch=1, seed=seed).refer(face) for seed in (5, 5, 6))
    best, same = (Generator(smallest, batch=1).refer(face) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(best, same)
    assert not torch.equal(first, other)
    assert not torch.equal(first, best)


def test_drawn_latents_lie_about_the_best_guess(smallest: Network, face: Picture) -> None:
    generator = Generator(smallest, batch=1, seed=1)
    drawn_ones = torch.stack([generator.refer(face) for _ in range(12)])
    best = Generator(smallest, batch=1).refer(face)
    spread = drawn_ones.std(0).mean()
    assert spread > 0
    assert (drawn_ones.mean(0) - best).abs().mean() < 0.5 * spread
