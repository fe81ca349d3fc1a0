"""Matches the engine's voice to a recording: its pitch, its melody's spread, its vocal tract's length.

This makes the speaker's kind of voice, not the speaker's voice: it matches and does not clone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared_schema.errors import RecordingError
from tts_worker import pitch
from tts_worker.tract import TractReference
from tts_worker.vocoder import Match

__all__ = ["OwnVoice", "VoiceProfile", "measure"]

SHORTEST_VOICED = 0.3
"""Seconds of voiced sound without which a recording says too little of a voice."""

MOST_ANALYSED = 6000
"""Frames whose pitch is taken: a minute, ten times a second less of what is longer."""

LOWEST_PITCH, HIGHEST_PITCH = 70.0, 350.0
NARROWEST, WIDEST = 0.7, 1.4
SHORTEST_TRACT, LONGEST_TRACT = 0.85, 1.20
"""Past these the stretched voice stops sounding like anybody's."""

TRACT_EXPONENT = 0.30
"""How tract length goes with pitch among people: ln(formant ratio) / ln(pitch ratio) of women to men,
from the means of Peterson and Barney, JASA 24 (1952): pitch 223 and 132 Hz, formants 1.17 apart."""

OCTAVE_ERROR = 1.8
"""A pitch this far from the median is more likely a multiple or fraction of the true one."""


class VoiceProfile(NamedTuple):
    """What was measured of a voice: median pitch in Hz, the spread of ln(pitch), voiced seconds."""

    pitch: float
    spread: float
    voiced: float


def measure(samples: npt.NDArray[np.float32], name: str) -> VoiceProfile:
    """The profile of the voice in `samples` (mono, `pitch.RATE` Hz).

    RecordingError, with `name`, where too little of it is voiced.
    """
    hop = max(pitch.RATE // 100, len(samples) // MOST_ANALYSED)
    curve = pitch.track(samples, hop)
    curve = curve[curve > 0]
    if len(curve):
        ratio = curve / np.median(curve)
        curve = curve[(ratio < OCTAVE_ERROR) & (ratio > 1 / OCTAVE_ERROR)]
    voiced = len(curve) * hop / pitch.RATE
    if voiced < SHORTEST_VOICED:
        raise RecordingError(
            f"No voice is heard in the recording {name}.", "Give some seconds of clear speech by one person."
        )
    low, high = np.quantile(np.log(curve), [0.16, 0.84])
    return VoiceProfile(float(np.median(curve)), float(high - low) / 2, voiced)


class OwnVoice:
    """The engine's own voice, measured from its `samples` as recordings are, so that they compare."""

    def __init__(self, samples: npt.NDArray[np.float32]) -> None:
        self.profile = measure(samples, "the engine's own voice")
        self._tract = TractReference(samples)

    def match(self, samples: npt.NDArray[np.float32], name: str) -> Match:
        """How to change the engine's voice to match a recording. RecordingError as in `measure`."""
        profile = measure(samples, name)
        own = self.profile
        return Match(
            pitch=_within(profile.pitch, LOWEST_PITCH, HIGHEST_PITCH),
            own_pitch=own.pitch,
            spread=_within(profile.spread / own.spread, NARROWEST, WIDEST),
            tract=self._tract_ratio(samples, profile.pitch),
        )

    def _tract_ratio(self, samples: npt.NDArray[np.float32], speaker_pitch: float) -> float:
        """The measured ratio, drawn half-way to what the pitch lets one expect.

        Among ten recordings of men the measured ratios scattered by 6 % around the expected one, which
        itself is right to about 5 %: so both count alike.
        """
        expected = TRACT_EXPONENT * math.log(self.profile.pitch / speaker_pitch)
        measured = math.log(self._tract.ratio(samples))
        return _within(math.exp((expected + measured) / 2), SHORTEST_TRACT, LONGEST_TRACT)


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
