"""Recordings of a voice to follow, made fit for it: trimmed, levelled, joined; what would make them better.

recordings ──read──> trimmed ──pauses shortened──> -23 LUFS ──joined──> samples
                         └── length, clipping, noise, music ──> advice in words
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyloudnorm

from tts_worker.audio import read_recording, recorded_rate
from tts_worker.chunk import Samples
from tts_worker.level import limited
from tts_worker.recording_quality import FRAME_SECONDS, faults, levels_of

__all__ = ["Reference", "read_references"]

LOUDNESS = -23.0
"""LUFS: what EBU R 128 asks of programmes, and quiet enough that few peaks need holding."""

LONGEST_PAUSE = 0.5
"""Seconds that stay of a pause: a model that hears long pauses makes long pauses."""

JOINT = 0.3
"""Seconds of silence between two recordings."""

WANTED_SECONDS = 6.0
"""What XTTS was made for; less gives a voice that is less like the speaker's."""

SPEECH = 30.0
"""dB under the loudest moments of a recording that are still speech."""


class Reference(NamedTuple):
    """One voice: (N,) samples, and sentences on what would make its recordings better."""

    samples: Samples
    advice: list[str]


def read_references(recordings: Sequence[Path], rate: int) -> Reference:
    """Recordings of one voice as one, at `rate` Hz. RecordingError where one of them cannot be used."""
    parts: list[Samples] = []
    advice: list[str] = []
    seconds = 0.0
    for path in recordings:
        samples = read_recording(path, rate)
        recorded = recorded_rate(path)
        # Another rate smooths what was cut off, and it would not be seen.
        as_it_is = samples if recorded == rate else read_recording(path, recorded)
        advice += [f"{path.name}: {fault}" for fault in faults(as_it_is, recorded)]
        spoken = _trimmed(samples, rate)
        seconds += len(spoken) / rate
        parts += [_levelled(spoken, rate), np.zeros(round(JOINT * rate), np.float32)]
    if seconds < WANTED_SECONDS:
        advice.append(
            f"There are {seconds:.1f} s of speech: 6 to 30 s, spoken clearly, would match the voice better."
        )
    return Reference(np.concatenate(parts[:-1]), advice)


def _trimmed(samples: Samples, rate: int) -> Samples:
    """The recording without the silence at its ends, and with its long pauses shortened."""
    levels = levels_of(samples, rate)
    loud = levels > levels.max() - SPEECH
    reach = round(LONGEST_PAUSE / 2 / FRAME_SECONDS)
    # A frame stays where speech is at most half a pause away; at the ends a fifth of that is enough.
    kept = np.convolve(loud, np.ones(2 * reach + 1), "same") > 0
    first, last = np.flatnonzero(loud)[[0, -1]]
    kept[: max(0, first - reach // 5)] = False
    kept[last + reach // 5 + 1 :] = False
    size = round(FRAME_SECONDS * rate)
    frames = samples[: len(levels) * size].reshape(-1, size)
    result: Samples = frames[kept].reshape(-1)
    return result


def _levelled(samples: Samples, rate: int) -> Samples:
    """At `LOUDNESS` after ITU-R BS.1770, its peaks held; as it is where it is too short to be measured."""
    meter = pyloudnorm.Meter(rate)
    if len(samples) < meter.block_size * rate:
        return samples
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of peaks above full scale, which are held below
        levelled = pyloudnorm.normalize.loudness(samples, meter.integrated_loudness(samples), LOUDNESS)
    return limited(levelled.astype(np.float32), rate)
