"""SDXL on a real GPU, in half precision. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from shared_schema.messages import Precision, Profile
from tests.neural.vision.conftest import context, draw, plan
from vision_worker.sdxl.checkpoint import Checkpoint
from vision_worker.sdxl.network import Network, load
from vision_worker.sdxl.painting import Studio

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

WHOLE = Profile("24", Precision.FP16)
BY_PARTS = Profile("8", Precision.FP16, by_parts=True)


@pytest.fixture
def half(tiny: Path) -> Network:
    folder = tiny / "models" / "sdxl-base"
    return load(Checkpoint(folder, folder), torch.float16)


def test_half_precision_draws_nearly_what_the_cpu_draws(half: Network, network: Network) -> None:
    drawn = Studio(half, plan(half), context("cuda", WHOLE)).draw(4, "drawing")
    wanted = draw(network, seed=4)
    assert np.abs(drawn.astype(float) - wanted.astype(float)).mean() < 0.1 * wanted.std()


def test_by_parts_and_after_leaving_the_picture_is_the_same(half: Network) -> None:
    first = Studio(half, plan(half), context("cuda", WHOLE)).draw(4, "drawing")
    half.leave()
    assert torch.cuda.memory_allocated() < 50e6
    again = Studio(half, plan(half), context("cuda", WHOLE)).draw(4, "drawing")
    half.leave()
    parts = Studio(half, plan(half), context("cuda", BY_PARTS)).draw(4, "drawing")
    assert np.array_equal(first, again)
    assert np.array_equal(first, parts)
