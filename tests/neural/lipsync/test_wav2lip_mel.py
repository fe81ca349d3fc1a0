"""Wav2Lip's ears hear what the authors' did, in whatever pieces the sound comes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank

from lipsync_worker.arrays import Floats
from lipsync_worker.hearing import BLOCK, Ears, frames_in, hear
from lipsync_worker.wav2lip.mel import BANDS, COLUMNS, LOOKAHEAD, MelEars, filterbank

RATE = 16_000
FILM, PAL, NTSC = Fraction(24), Fraction(25), Fraction(30_000, 1001)


def sound(seconds: float, seed: int = 0) -> Floats:
    """A rising tone under noise, with a pause of digital silence in each second."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(time))
    samples = 0.3 * np.sin(2 * np.pi * (150 * time + 200 * time**2)) + 0.01 * noise
    samples[time % 1 > 0.8] = 0
    return samples.astype(np.float32)


def heard(pieces: Iterable[Floats], rate: Fraction = PAL) -> Floats:
    """The windows of all frames."""
    ears, samples = MelEars(rate), 0
    blocks: list[Floats] = []
    for piece in pieces:
        blocks += ears.push(piece)
        samples += len(piece)
    blocks += ears.finish(frames_in(samples, rate))
    return np.concatenate(blocks)


def spectrogram(samples: Floats) -> Floats:
    """The authors' own (80, columns), by torch's STFT and transformers' filters, all at once."""
    exact = torch.from_numpy(samples).double()
    sharp = exact - 0.97 * torch.nn.functional.pad(exact, (1, 0))[:-1]
    window = torch.hann_window(800, dtype=torch.float64)
    spectrum = torch.stft(sharp, 800, 200, window=window, pad_mode="reflect", return_complex=True)
    filters = mel_filter_bank(401, 80, 55, 7600, RATE, norm="slaney", mel_scale="slaney")
    level = 20 * np.log10(np.maximum(filters.T @ spectrum.abs().numpy(), 1e-5)) - 20
    return np.asarray(np.clip(8 * (level + 100) / 100 - 4, -4, 4))


@pytest.mark.parametrize("rate", [FILM, PAL, NTSC, Fraction(60)])
def test_each_frame_hears_the_published_columns_from_its_own_time_on(rate: Fraction) -> None:
    samples = sound(40.0)
    columns, windows = spectrogram(samples), heard([samples], rate)
    assert len(windows) == frames_in(len(samples), rate)
    assert len({window.tobytes() for window in windows}) > len(windows) / 2
    for frame, window in enumerate(windows):
        start = min(int(frame * 80 / rate), columns.shape[1] - COLUMNS)
        np.testing.assert_allclose(window, columns[:, start : start + COLUMNS], rtol=0, atol=1e-6)


def test_true_rates_do_not_drift_from_the_sound() -> None:
    click = np.zeros(60 * RATE, np.float32)
    click[50 * RATE] = 1.0
    loud = np.flatnonzero((heard([click], NTSC) > -4).any(axis=(1, 2)))
    # It is in the columns 3999, 4000 and 4001. The first window with one begins 15 columns before it.
    assert 3984 <= loud[0] / NTSC * 80 < 3984 + 80 / NTSC
    assert 4002 > loud[-1] / NTSC * 80 >= 4002 - 80 / NTSC


@pytest.mark.parametrize("seed", range(12))
def test_pieces_of_any_length_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = sound(rng.uniform(0.0, 6.0), seed)
    whole = heard([samples], NTSC)
    cuts = np.sort(rng.integers(0, len(samples) + 1, rng.integers(1, 300)))
    assert np.array_equal(heard(np.split(samples, cuts), NTSC), whole)


def test_single_samples_change_nothing() -> None:
    samples = sound(0.5)
    assert np.array_equal(heard(np.split(samples, len(samples))), heard([samples]))


def test_a_window_is_there_as_soon_as_its_sound_is() -> None:
    samples, needed = sound(1.0), round(LOOKAHEAD * RATE)
    ears = MelEars(PAL)
    assert list(ears.push(samples[: needed - 1])) == []
    assert [len(block) for block in ears.push(samples[needed - 1 : needed])] == [1]


def test_memory_does_not_grow_with_the_sound() -> None:
    ears, piece = MelEars(PAL), sound(0.5)
    held = []
    tracemalloc.start()
    for _ in range(120):
        assert sum(len(block) for block in ears.push(piece)) <= 13
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(held) < piece.size * 8, "as much as half a second of sound takes in double precision"


def test_a_long_piece_takes_no_more_memory_than_a_short_one() -> None:
    peaks = []
    for seconds in (4.0, 60.0):
        piece, ears = sound(seconds), MelEars(PAL)
        tracemalloc.start()
        assert sum(len(block) for block in ears.push(piece)) > 24 * seconds - 10
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_one_long_piece_comes_out_in_blocks() -> None:
    ears = MelEars(Fraction(60))
    for blocks in (list(ears.push(sound(20.0))), list(ears.finish(3000))):
        assert sum(map(len, blocks)) > 1100
        assert max(map(len, blocks)) == BLOCK


def test_the_last_frames_hear_the_last_whole_window() -> None:
    samples = sound(1.1)
    columns, windows = spectrogram(samples), heard([samples])
    whole = sum(int(frame * 3.2) + COLUMNS <= columns.shape[1] for frame in range(len(windows)))
    assert len(windows) - whole == 4
    for window in windows[whole:]:
        np.testing.assert_allclose(window, columns[:, -COLUMNS:], rtol=0, atol=1e-6)


def test_a_video_longer_than_its_sound_hears_silence_there() -> None:
    ears = MelEars(PAL)
    blocks = [*ears.push(sound(0.7)), *ears.finish(25)]
    windows = np.concatenate(blocks)
    assert len(windows) == 25
    silent = [np.array_equal(window, ears.silent) for window in windows]
    assert silent == [False] * 18 + [True] * 7


@pytest.mark.parametrize("count", [1, 2, 199, 400, 401, 599, 600, 3000])
def test_a_sound_shorter_than_a_window_is_followed_by_silence(count: int) -> None:
    samples = sound(0.75)[4000 : 4000 + count]
    columns, windows = 1 + count // 200, heard([samples])
    assert len(windows) == frames_in(count, PAL)
    np.testing.assert_array_equal(windows[0][:, columns:], -4)
    assert count < 3 or (windows[0][:, :columns] > -4).any(axis=0).all()
    if count > 400:  # torch mirrors no more than there is
        np.testing.assert_allclose(windows[0][:, :columns], spectrogram(samples), rtol=0, atol=1e-6)


def test_no_sound_at_all_is_silence() -> None:
    ears = MelEars(PAL)
    assert list(ears.push(np.zeros(0, np.float32))) == []
    assert np.array_equal(np.concatenate(list(ears.finish(2))), np.stack([ears.silent] * 2))


def test_digital_silence_is_the_silent_window() -> None:
    windows = heard([np.zeros(RATE, np.float32)])
    assert windows.dtype == np.float32
    assert np.array_equal(windows, np.broadcast_to(MelEars(PAL).silent, (25, BANDS, COLUMNS)))


def test_ten_times_as_loud_is_twenty_decibels_more() -> None:
    # Of 100 dB in 8 units, 20 are 1.6.
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    quiet, loud = (heard([noise * scale])[0] for scale in (0.02, 0.2))
    np.testing.assert_allclose(loud - quiet, 1.6, atol=1e-4)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    time = np.arange(RATE) / RATE
    peaks = filterbank().argmax(axis=1) * 20  # Hz
    for hertz in (300, 1000, 2500, 6000):
        window = heard([np.sin(2 * np.pi * hertz * time).astype(np.float32)])[5]
        loudest = window.mean(axis=1).argmax()
        assert abs(peaks[loudest] - hertz) < 0.04 * hertz + 20


def test_filters_are_those_of_a_library_and_have_area_one() -> None:
    filters = filterbank()
    library = mel_filter_bank(401, 80, 55, 7600, RATE, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(filters, library.T, atol=1e-12)
    # Twenty bins lie in the widest ones: there, bins of 20 Hz tell the area well.
    np.testing.assert_allclose(filters[-20:].sum(axis=1) * 20, 1.0, atol=0.01)


def test_they_serve_as_the_ears_of_any_network() -> None:
    samples = sound(2.0)
    ears: Ears = MelEars(NTSC)
    blocks = [block for block in hear(np.split(samples, 7 * [0]), ears, None, NTSC) if block is not None]
    assert np.array_equal(np.concatenate(blocks), heard([samples], NTSC))
