"""What the speech worker's tests share: one loaded engine, recordings, an independent ear."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from scipy.signal import lfilter, resample_poly

from shared_schema.records import Phone, Utterance, read_timings
from tts_worker.engines.hibari import HibariEngine

Sound = npt.NDArray[Any]

ARPABET = {
    "eɪ": "EY", "aɪ": "AY", "oʊ": "OW", "aʊ": "AW", "ɔɪ": "OY", "dʒ": "JH", "tʃ": "CH", "ə": "AH", "ɐ": "AH",
    "ʌ": "AH", "ɪ": "IH", "i": "IY", "u": "UW", "ʊ": "UH", "ɛ": "EH", "æ": "AE", "ɑ": "AA", "ɔ": "AO",
    "ɜ": "ER", "ɹ": "R", "ɾ": "T", "ɡ": "G", "ŋ": "NG", "θ": "TH", "ð": "DH", "ʃ": "SH", "ʒ": "ZH", "j": "Y",
    "h": "HH",
}  # fmt: skip
"""The aligner's name of each IPA symbol where it is not the capital letter."""

VOWELS = ((730, 1090, 2440, 3400), (270, 2290, 3010, 3600), (300, 870, 2240, 3300), (530, 1840, 2480, 3500))
"""Formants of men's "ah", "ee", "oo", "eh" in Hz: F1 to F3 of Peterson and Barney (1952), F4 a usual one."""


@pytest.fixture(scope="session")
def engine() -> Iterator[HibariEngine]:
    """The engine, loaded once."""
    engine = HibariEngine()
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """`script(text)` writes a text file."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "script.txt"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    """`recording(samples, rate, name="voice.wav", **soundfile options)` writes a sound file."""

    def write(samples: Sound, rate: int, name: str = "voice.wav", **options: str) -> Path:
        path = tmp_path / name
        soundfile.write(path, samples, rate, **options)
        return path

    return write


@pytest.fixture(scope="session")
def vowels() -> Callable[[float, float], Sound]:
    """`vowels(pitch, formant_factor)`: four seconds at 16 kHz of a buzz through formant resonators.

    A voice made without the engine: `pitch` in Hz, wavering by 12 %; a man's formants times the factor.
    """

    def make(pitch: float, factor: float) -> Sound:
        rate = 16_000
        time = np.arange(rate) / rate
        parts = []
        for formants in VOWELS:
            phase = np.cumsum(pitch * (1 + 0.12 * np.sin(2 * np.pi * 2 * time)) / rate)
            part = np.diff(np.floor(phase), prepend=0.0)
            part = lfilter([1], [1, -0.96], part)
            for formant, width in zip(formants, (80, 100, 140, 200), strict=True):
                radius, angle = np.exp(-np.pi * width / rate), 2 * np.pi * formant * factor / rate
                part = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], part)
            parts.append(part / np.abs(part).max() * 0.4 * np.minimum(1, 20 * np.minimum(time, 1 - time)))
        return np.concatenate(parts)

    return make


def read_speech(files: dict[str, Path]) -> tuple[Sound, list[Utterance]]:
    """The samples of a run's speech.wav and its utterances."""
    samples, rate = soundfile.read(files["speech"], dtype="float64")
    assert rate == 24_000
    return samples, list(read_timings(files["timings"]))


@pytest.fixture(scope="session")
def read() -> Callable[[dict[str, Path]], tuple[Sound, list[Utterance]]]:
    """`read(run.files)`: samples at 24 kHz and utterances."""
    return read_speech


class Ear:
    """PocketSphinx: an English recognizer and aligner that knows nothing of the engine."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._aligner = Decoder(samprate=16_000, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80)
        self._listener = Decoder(samprate=16_000, loglevel="FATAL")

    def words(self, samples: Sound) -> list[str]:
        """What it hears in samples at 24 kHz."""
        self._hear(self._listener, samples)
        heard = self._listener.hyp()
        return heard.hypstr.split() if heard else []

    def phones(self, samples: Sound, words: str) -> list[tuple[str, float, float]]:
        """When it hears each phoneme of these words: ARPAbet name, start and end in seconds."""
        self._aligner.set_align_text(words)
        self._hear(self._aligner, samples)
        self._aligner.set_alignment()
        self._hear(self._aligner, samples)
        return [
            (phone.name.rstrip("012"), phone.start / 100, (phone.start + phone.duration) / 100)
            for word in self._aligner.get_alignment()
            for phone in word
            if phone.name != "SIL"
        ]

    @staticmethod
    def _hear(decoder: Any, samples: Sound) -> None:
        decoder.start_utt()
        pcm = (np.clip(resample_poly(samples, 2, 3), -1, 1) * 32767).astype("<i2")
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()


@pytest.fixture(scope="session")
def ear() -> Ear:
    """An independent recognizer and aligner."""
    return Ear()


@pytest.fixture(scope="session")
def onset_differences() -> Callable[[list[Phone], list[tuple[str, float, float]]], list[float]]:
    """`onset_differences(phones, heard)`: seconds between the onsets of phonemes that both sides have."""

    def compare(phones: list[Phone], heard: list[tuple[str, float, float]]) -> list[float]:
        ours = [(ARPABET.get(phone.symbol, phone.symbol.upper()), phone.start) for phone in phones]
        matcher = difflib.SequenceMatcher(
            None, [name for name, _ in ours], [name for name, *_ in heard], False
        )
        return [
            ours[block.a + step][1] - heard[block.b + step][1]
            for block in matcher.get_matching_blocks()
            for step in range(block.size)
        ]

    return compare
