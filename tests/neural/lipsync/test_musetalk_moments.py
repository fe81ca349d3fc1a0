"""What a frame of MuseTalk hears is what is said around it, however long the speech, and no window jumps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.hearing import hear
from lipsync_worker.musetalk.audio import WhisperEars
from lipsync_worker.musetalk.model import Network, load
from tests.neural.lipsync.conftest import folders
from tests.neural.lipsync.glass_musetalk import EARLIEST, LATEST, LOUD, REACH, SHARP, burst, make_glass

RATES = [
    Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001),
    Fraction(30), Fraction(50), Fraction(60),
]  # fmt: skip


@pytest.fixture(scope="module")
def glass(tmp_path_factory: pytest.TempPathFactory) -> Network:
    home = tmp_path_factory.mktemp("glass")
    make_glass(home / "models")
    return load(folders(home), torch.float32)


def loudness(network: Network, sound: Floats, rate: Fraction, *, compat: bool = False) -> Floats:
    """What each frame hears, in the log-mel's units (n,)."""
    blocks = hear([sound], WhisperEars(network, rate, compat=compat), None, rate)
    return np.concatenate([block[..., LOUD].mean(1) / SHARP for block in blocks if block is not None])


def moments(heard: Floats, rate: Fraction, at: float) -> tuple[bool, bool]:
    """Whether all frames around a moment hear something, and whether no other does."""
    since = at - np.arange(len(heard)) / float(rate)
    hears = heard > 0.02
    near = (since > EARLIEST) & (since < LATEST)
    far = (since < EARLIEST - REACH) | (since > LATEST + REACH)
    return bool(hears[near].all()), not hears[far].any()


@pytest.mark.parametrize("rate", RATES)
def test_each_frame_still_hears_its_own_moment_after_19_seconds(glass: Network, rate: Fraction) -> None:
    heard = loudness(glass, burst(20.0, 19.0), rate)
    assert heard.max() > 0.1
    assert moments(heard, rate, 19.0) == (True, True)


def test_as_published_frames_of_a_broken_rate_hear_another_moment(glass: Network) -> None:
    rate = Fraction(30000, 1001)
    heard = loudness(glass, burst(20.0, 19.0), rate, compat=True)
    assert heard.max() > 0.1
    assert moments(heard, rate, 19.0) == (False, False)


def steps(network: Network, sound: Floats, *, compat: bool) -> Floats:
    """By how much each of Whisper's features differs from the one before, from 5 s on to 65 s."""
    rate = Fraction(50)
    blocks = hear([sound], WhisperEars(network, rate, compat=compat), None, rate)
    newest = np.concatenate([block[:, -5:] for block in blocks if block is not None])
    return floats(np.abs(np.diff(newest, axis=0)).mean((1, 2))[5 * 50 : 65 * 50])


def test_where_windows_change_nothing_jumps_but_as_published_it_does(smallest: Network) -> None:
    time = np.arange(70 * 16_000) / 16_000
    # 200 Hz: Whisper, which looks every 10 ms, sees the same each time.
    tone = floats(0.3 * sum(np.sin(2 * np.pi * 200 * k * time) / k for k in range(1, 8)))
    ours, published = (steps(smallest, tone, compat=compat) for compat in (False, True))
    # Measured: 1.2 times the median at most, and 7.2.
    assert ours.max() < 1.5 * np.median(ours)
    assert published.max() > 4 * np.median(published)
    assert abs(np.argmax(published) / 50 + 5 - 30) < 0.3 or abs(np.argmax(published) / 50 + 5 - 60) < 0.3
