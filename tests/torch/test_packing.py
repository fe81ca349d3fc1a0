"""Fingerprints see whatever can happen to weights, also what changes nothing but signs."""

from __future__ import annotations

import pytest
import torch

from shared_schema.packing import BLOCKS, LANES, Marks

SECTION = BLOCKS * LANES * 8
HIGHEST = -(2**63)


def changed(words: torch.Tensor, change: torch.Tensor, value: torch.Tensor) -> list[slice]:
    """The sections that are seen to differ once `change`, a view of `words`, has been set to `value`."""
    buffer = words.view(torch.uint8)
    marks = Marks(buffer)
    assert marks.changed(buffer) == []
    change.copy_(value)
    return marks.changed(buffer)


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return torch.randint(
        -(2**62), 2**62, (BLOCKS * LANES + 1000,), generator=torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("count", [1, 2, 2**10, 2**19, 2**20, 2**21, 3 * 2**20, BLOCKS * LANES])
@pytest.mark.parametrize("step", [1, 2, 640])
def test_changed_signs_do_not_cancel(noise: torch.Tensor, count: int, step: int) -> None:
    words = noise.clone()
    signs = words[: count * step : step]
    assert slice(0, SECTION) in changed(words, signs, signs ^ HIGHEST)


@pytest.mark.parametrize("bits", [0, 15, 31, 47])
def test_one_bit_is_seen(noise: torch.Tensor, bits: int) -> None:
    words = noise.clone()
    word = words[12345:12346]
    assert changed(words, word, word ^ (1 << bits)) == [slice(0, SECTION)]


@pytest.mark.parametrize("distance", [1, LANES, 2 * LANES])
def test_two_words_that_change_places_are_seen(noise: torch.Tensor, distance: int) -> None:
    words = noise.clone()
    pair = words[5 : 6 + distance : distance]
    assert changed(words, pair, pair.flip(0)) == [slice(0, SECTION)]


def test_the_section_is_named_that_changed(noise: torch.Tensor) -> None:
    words = noise.clone()
    last = words[-1:]
    assert changed(words, last, last + 1) == [slice(SECTION, words.nbytes)]
