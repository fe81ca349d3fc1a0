"""MuseTalk computes what the published code does: numbers that were measured with that, on the same weights.

The weights are drawn from each tensor's name (`tiny_musetalk`), written in the published layout and read back
by the code that reads the real ones. Floats were measured on another CPU, so they may differ by 1e-4; of the
decoded levels none was found to differ by more than one, and in their sum of 46.6 million by 6.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.hearing import hear
from lipsync_worker.musetalk.audio import WhisperEars
from lipsync_worker.musetalk.generator import Generator
from lipsync_worker.musetalk.model import Network

NEAR = 1e-4


@pytest.fixture(scope="module")
def generator(network: Network) -> Generator:
    return Generator(network, batch=2)


@pytest.fixture(scope="module")
def face() -> Picture:
    """Slanted stripes, other ones in each channel."""
    y, x, channel = np.mgrid[:256, :256, :3]
    return picture((3 * y + 5 * x + 70 * channel) % 256)


@pytest.fixture(scope="module")
def latents(generator: Generator, face: Picture) -> torch.Tensor:
    return generator.refer(face)


def heard(network: Network, rate: int) -> Floats:
    """The contexts of two seconds of a tone that rises."""
    time = np.arange(32_000) / 16_000
    tone = (0.3 * np.sin(2 * np.pi * (150 * time + 200 * time**2))).astype(np.float32)
    blocks = hear([tone], WhisperEars(network, Fraction(rate)), None, Fraction(rate))
    return np.concatenate([block for block in blocks if block is not None])


@pytest.fixture(scope="module")
def contexts(network: Network) -> Floats:
    return heard(network, 25)


def summed(values: Floats | torch.Tensor) -> tuple[float, float]:
    """Mean and standard deviation."""
    numbers = np.asarray(values, np.float64)
    return float(numbers.mean()), float(numbers.std())


def test_latents_of_a_face_with_its_lower_half_hidden_and_of_the_whole(latents: torch.Tensor) -> None:
    assert latents.shape == (8, 32, 32)
    assert summed(latents) == pytest.approx((0.060810, 0.112792), abs=NEAR)
    found = [float(latents[at]) for at in ((0, 3, 5), (3, 31, 0), (4, 20, 7), (7, 0, 31))]
    assert found == pytest.approx([0.177881, -0.032273, 0.035251, 0.067569], abs=NEAR)


def test_contexts_at_25_frames_a_second(contexts: Floats) -> None:
    assert contexts.shape == (50, 50, 384)
    assert summed(contexts) == pytest.approx((0.355151, 1.219256), abs=NEAR)
    found = [float(contexts[at]) for at in ((0, 0, 0), (0, 49, 100), (20, 25, 7), (49, 49, 383))]
    assert found == pytest.approx([0.0, -1.104624, -0.938144, 0.0], abs=NEAR)


def test_contexts_at_30_frames_a_second(network: Network) -> None:
    contexts = heard(network, 30)
    assert contexts.shape == (60, 50, 384)
    assert summed(contexts)[0] == pytest.approx(0.355001, abs=NEAR)
    assert contexts[20, 25, 7] == pytest.approx(-0.887807, abs=NEAR)


def test_what_the_unet_predicts(generator: Generator, latents: torch.Tensor, contexts: Floats) -> None:
    predicted = generator.predict(torch.stack([latents] * 2), torch.from_numpy(contexts[[0, 20]]))
    assert predicted.shape == (2, 4, 32, 32)
    assert summed(predicted) == pytest.approx((0.052203, 0.572299), abs=NEAR)
    found = [float(predicted[at]) for at in ((0, 0, 0, 0), (0, 3, 31, 31), (1, 2, 16, 8))]
    assert found == pytest.approx([-0.023716, 0.116213, 0.529304], abs=NEAR)


def test_the_faces_that_come_out(generator: Generator, latents: torch.Tensor, contexts: Floats) -> None:
    (made,) = generator.render([latents] * 2, contexts[[0, 20]])
    faces = made.pictures()
    assert faces.shape == (2, 256, 256, 3)
    assert faces.dtype == np.uint8
    assert int(faces.astype(np.int64).sum()) == pytest.approx(46_565_907, rel=1e-6)
    found = faces[[0, 1, 1], [0, 128, 255], [0, 200, 255]].astype(int)
    expected = [[126, 90, 132], [125, 145, 92], [125, 144, 117]]
    assert np.abs(found - expected).max() <= 1
