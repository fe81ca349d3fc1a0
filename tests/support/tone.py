"""A recording that sounds a little like a voice, of any length: a tone that swells three times a second."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

__all__ = ["write_tone"]

RATE = 16_000


def write_tone(path: Path, seconds: float) -> Path:
    """Write a mono WAV, 16 bit, 16 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * 3 * time)
    samples = 0.5 * swell * sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 12)) / 2
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path
