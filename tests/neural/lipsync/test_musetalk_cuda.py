"""MuseTalk on a real GPU, in half precision and from recordings. Skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync_worker.arrays import Picture
from lipsync_worker.musetalk.generator import SIDE, Generator
from lipsync_worker.musetalk.model import Network, load
from tests.neural.lipsync.conftest import folders

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.fixture
def half(tiny: Path) -> Iterator[Network]:
    """The tiny nets in half precision, on the GPU."""
    network = load(folders(tiny), torch.float16)
    network.use("cuda")
    yield network
    network.drop()


def faces(network: Network, count: int, batch: int) -> Picture:
    """Faces of one picture and made-up contexts."""
    rng = np.random.default_rng(3)
    contexts = rng.standard_normal((count, 50, 384)).astype(np.float32)
    generator = Generator(network, batch=batch)
    reference = generator.refer(rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8))
    made = [batch.pictures() for batch in generator.render([reference] * count, contexts)]
    generator.give_back()
    return np.concatenate(made)


def test_half_precision_makes_nearly_what_the_cpu_makes(half: Network, network: Network) -> None:
    away = np.abs(faces(half, 3, 4).astype(float) - faces(network, 3, 4))
    assert away.mean() < 3


@pytest.mark.parametrize("count", [1, 3, 8, 13])
def test_a_recording_makes_what_is_made_without_one(
    half: Network, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = faces(half, count, 8)
    monkeypatch.setattr(Generator, "compute", lambda self, *given: self.make(*given))
    assert np.abs(faces(half, count, 8).astype(int) - recorded).max() <= 1


def test_after_leaving_the_gpu_and_coming_back_faces_are_the_same(half: Network) -> None:
    first = faces(half, 5, 4)
    half.leave()
    assert torch.cuda.memory_allocated() < 50e6
    half.use("cuda")
    assert np.array_equal(faces(half, 5, 4), first)


def test_where_memory_is_short_batches_become_smaller_and_all_faces_come(half: Network) -> None:
    wanted = faces(half, 32, 4)
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(min((total - free + 0.6e9) / total, 1.0))
    try:
        made = faces(half, 32, 32)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert np.abs(made.astype(int) - wanted).max() <= 1
