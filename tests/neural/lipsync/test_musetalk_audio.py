"""What the lips hear around each frame: its own moment, whatever the rate, the length, and the pieces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from lipsync_worker.arrays import Floats
from lipsync_worker.hearing import frames_in
from lipsync_worker.musetalk.audio import BEFORE, HOLD, LENGTH, STEP, WhisperEars
from lipsync_worker.musetalk.model import Network

RATES = [
    Fraction(24_000, 1001), Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(30), Fraction(50),
    Fraction(60),
]  # fmt: skip
FEATURE = 320  # samples


class PlainListener:
    """Hears nothing but how loud each feature is: 1500 of them, five layers alike but for an eighth.

    In Whisper's place, as far as `WhisperEars` knows that. Whisper hears a moment otherwise in another place
    of its window, so with it a wrong moment could not be told from a right one.
    """

    device, dtype = torch.device("cpu"), torch.float32

    def extractor(self, sound: Floats, *, sampling_rate: int, return_tensors: str) -> Any:
        assert (sampling_rate, return_tensors) == (16_000, "pt")
        assert 0 < len(sound) <= 1500 * FEATURE
        padded = np.zeros(1500 * FEATURE, np.float32)
        padded[: len(sound)] = sound
        return SimpleNamespace(input_features=torch.from_numpy(padded.reshape(1500, FEATURE).max(1)))

    def whisper(self, levels: torch.Tensor, *, output_hidden_states: bool) -> Any:
        assert output_hidden_states
        states = [(levels + layer / 8)[None, :, None].expand(1, 1500, 384) for layer in range(5)]
        return SimpleNamespace(hidden_states=states)


def plain(rate: Fraction, *, live: bool = False, compat: bool = False) -> WhisperEars:
    return WhisperEars(cast("Network", PlainListener()), rate, live=live, compat=compat)


def stairs(features: int) -> Floats:
    """A sound whose feature number n is n + 1 loud."""
    return np.repeat(np.arange(1, features + 1, dtype=np.float32), FEATURE)


def hear(ears: WhisperEars, pieces: Iterable[Floats], rate: Fraction) -> Floats:
    """All contexts of a sound that comes in pieces."""
    blocks: list[Floats] = []
    samples = 0
    for piece in pieces:
        blocks.extend(ears.push(piece))
        samples += len(piece)
    blocks.extend(ears.finish(frames_in(samples, rate)))
    assert all(0 < len(block) <= 64 for block in blocks)
    return np.concatenate([np.zeros((0, 50, 384), np.float32), *blocks])


def cut(sound: Floats, size: int) -> Sequence[Floats]:
    return np.split(sound, range(size, len(sound), size))


def stair_of(firsts: Sequence[int], features: int) -> Floats:
    """What frames must hear of stairs, (frames, 10): nothing before the sound and behind it."""
    numbers = np.asarray(firsts)[:, None] + np.arange(LENGTH)
    return np.where((numbers >= 0) & (numbers < features), numbers + 1, 0).astype(np.float32)


def check_stairs(contexts: Floats, expected: Floats) -> None:
    """That these contexts hear these stairs: time before layer, in every channel."""
    heard = contexts.reshape(len(contexts), LENGTH, 5, 384)
    assert contexts.shape == (len(expected), 50, 384)
    assert contexts.dtype == np.float32
    wanted = expected[..., None] + np.where(expected[..., None] > 0, np.arange(5) / 8, 0)
    for channel in (0, 200, 383):
        assert np.allclose(heard[..., channel], wanted, atol=1e-3)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("rate", [*RATES, Fraction(1), Fraction(120)])
def test_each_frame_hears_its_own_moment_once_and_in_order(rate: Fraction, live: bool) -> None:
    features = 1500 + (100 if live else 1600)  # two windows or three, the last one cut off
    contexts = hear(plain(rate, live=live), cut(stairs(features), 5000), rate)
    firsts = [math.floor(number * 50 / rate) - BEFORE for number in range(math.ceil(features * rate / 50))]
    check_stairs(contexts, stair_of(firsts, features))


@pytest.mark.parametrize("size", [100, 320, 1024, 40_000, 10**9])
def test_the_pieces_of_a_recording_make_no_difference(size: int) -> None:
    sound = np.random.default_rng(3).uniform(0, 1, 16_000 * 33 + 77).astype(np.float32)
    if size == 100:
        sound = sound[: 16_000 * 3]
    whole = hear(plain(Fraction(25)), [sound], Fraction(25))
    assert np.array_equal(hear(plain(Fraction(25)), cut(sound, size), Fraction(25)), whole)


@pytest.mark.parametrize("rate", RATES)
def test_a_live_voice_is_shown_a_third_of_a_second_after_it_was_heard(rate: Fraction) -> None:
    ears, shown = plain(rate, live=True), 0
    for count, piece in enumerate(cut(stairs(200), FEATURE), 1):
        shown += sum(map(len, ears.push(piece)))
        last = math.floor(shown * 50 / rate) - BEFORE + LENGTH  # features the next frame needs
        assert last > count - HOLD - STEP
        assert math.floor((shown - 1) * 50 / rate) - BEFORE + LENGTH <= max(count - HOLD, 0) or not shown


def test_a_recording_is_heard_a_window_at_a_time() -> None:
    ears = plain(Fraction(25))
    early = [len(block) for piece in cut(stairs(1499), FEATURE) for block in ears.push(piece)]
    assert early == []
    assert sum(map(len, ears.push(stairs(1)))) == 660  # up to where the next window begins to be needed


@pytest.mark.parametrize("live", [False, True])
def test_memory_does_not_grow_with_the_sound(live: bool) -> None:
    ears, most = plain(Fraction(25), live=live), []
    frames = 0
    for piece in cut(stairs(300 * 50), 16_000 * 2):
        frames += sum(map(len, ears.push(piece)))
        most.append(sum(value.nbytes for value in vars(ears).values() if isinstance(value, np.ndarray)))
    assert frames > 7000 - 54 * 25
    # Sound of two windows less what they share, and two seconds; features of less than what a frame hears.
    assert max(most) <= (54 + 2) * 16_000 * 4 + 32 * 5 * 384 * 4
    assert max(most[100:]) <= max(most[:50])


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(60)])
def test_compat_counts_as_the_published_code_does(rate: Fraction) -> None:
    """Whole frames a second; as many as have begun and ended; twice the rounded-up step of zeros before."""
    features = 1500 + 777
    whole = int(rate)
    contexts = hear(plain(rate, compat=True), cut(stairs(features), 8000), rate)
    before = 2 * math.ceil(50 / whole)
    count = math.floor(features / 50 * whole)
    check_stairs(contexts, stair_of([math.floor(i * (50 / whole)) - before for i in range(count)], features))


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("samples", [0, 1, 160, 319, 320, 800])
def test_the_shortest_sounds_have_one_frame(smallest: Network, samples: int, live: bool) -> None:
    ears = WhisperEars(smallest, Fraction(25), live=live)
    contexts = hear(ears, [np.full(samples, 0.1, np.float32)], Fraction(25))
    assert contexts.shape == (frames_in(samples, Fraction(25)), 50, 384)
    assert np.isfinite(contexts).all()
    assert contexts[0].any() == (samples >= FEATURE)  # less than a feature is nothing to hear


def test_nothing_at_all_may_come_in_a_piece() -> None:
    sound = stairs(60)
    pieces = [sound[:0], sound[:9000], sound[:0], sound[9000:], sound[:0]]
    for live in (False, True):
        whole, parts = (hear(plain(Fraction(25), live=live), p, Fraction(25)) for p in ([sound], pieces))
        assert np.array_equal(whole, parts)


# From here on with Whisper's own encoder, which takes a second for each window.


def tone(seconds: float) -> Floats:
    """A steady hum that a window begins and ends within."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    return np.asarray(sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 20)) * 0.1, np.float32)


@pytest.fixture(scope="module")
def steady(smallest: Network) -> Floats:
    """The contexts of a hum of 34 s, over which windows change at 27 s."""
    return hear(WhisperEars(smallest, Fraction(25)), [tone(34)], Fraction(25))


def steps(contexts: Floats) -> Floats:
    """How far each feature is from the one before, as a share of what they are."""
    features = contexts.reshape(-1, LENGTH, 5, 384)[:, BEFORE : BEFORE + 2].reshape(-1, 5, 384)
    return np.abs(np.diff(features, axis=0)).mean((1, 2)) / np.abs(features).mean()


def test_windows_pass_into_each_other_without_a_jump(smallest: Network, steady: Floats) -> None:
    """Measured: where windows meet compat steps 7.7 times as far as usual, ours nowhere 1.2 times."""
    compat = steps(hear(WhisperEars(smallest, Fraction(25), compat=True), [tone(34)], Fraction(25)))
    ours = steps(steady)
    within = slice(20 * 50, 33 * 50)
    usual = float(np.median(ours[within]))
    assert ours[within].max() < 1.5 * usual
    assert compat[1499] > 4 * usual


def test_whispers_own_ear_hears_the_same_in_pieces(smallest: Network, steady: Floats) -> None:
    pieces = cut(tone(34), 11_111)
    assert np.array_equal(hear(WhisperEars(smallest, Fraction(25)), pieces, Fraction(25)), steady)


def test_a_live_voice_that_comes_at_once_is_heard_as_a_recording(smallest: Network) -> None:
    sound = tone(1.5)
    live, file = (
        hear(WhisperEars(smallest, Fraction(25), live=live), [sound], Fraction(25)) for live in (True, False)
    )
    assert np.array_equal(live, file)


def test_of_a_live_voice_its_end_is_heard_as_a_recordings_and_the_rest_nearly_so(smallest: Network) -> None:
    """What comes later changes how a moment is heard: nobody can know that while it is spoken.

    Not in the first layer, as long as nothing louder comes. In the others, with random weights and a hum, by
    0.02 of the contexts' spread, measured over pieces of 0.2 s.
    """
    sound = tone(1.6)
    file = hear(WhisperEars(smallest, Fraction(25)), [sound], Fraction(25))
    live = hear(WhisperEars(smallest, Fraction(25), live=True), cut(sound, 3200), Fraction(25))
    apart = np.abs(live - file).reshape(-1, LENGTH, 5, 384)
    assert np.array_equal(live[-5:], file[-5:])
    assert apart[:, :, 0].max() < 1e-5
    assert 0 < apart.mean() < 0.05 * file.std()


def test_silence_sounds_as_a_pause_between_words_does(smallest: Network) -> None:
    ears = WhisperEars(smallest, Fraction(25))
    silent = ears.silent
    assert silent.shape == (50, 384)
    assert np.array_equal(ears.silent, silent)
    time = np.arange(16_000) / 16_000
    word = (0.08 * np.sin(2 * np.pi * 140 * time) * np.hanning(16_000)).astype(np.float32)
    pause = np.zeros(48_000, np.float32)
    between = hear(ears, [word, pause, word], Fraction(25))[62]
    alone = hear(WhisperEars(smallest, Fraction(25)), [pause, pause], Fraction(25))[62]
    # Of the five layers the first is what was heard there and then.
    apart = [
        np.abs(other.reshape(10, 5, 384)[:, 0] - silent.reshape(10, 5, 384)[:, 0]).mean()
        for other in (between, alone)
    ]
    assert apart[0] < apart[1] / 2
