"""The sample portrait with its landmarks, speech that is made up here, and a look into finished videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.loudness import Levels, Reference, features
from shared_schema.records import Phone, Utterance, read_face, write_utterance

ROOT = Path(__file__).parents[3]
PORTRAIT = ROOT / "envs/vision-py312/vision_worker/samples/portrait.png"
FACE = Path(__file__).parent / "data/face.json"
RATE = 16_000

Sounds = list[tuple[str, float]]
"""Symbols and their lengths in seconds, one after another; an empty symbol is silence."""

SENTENCE: Sounds = [
    ("", 0.4), ("p", 0.08), ("ɑ", 0.16), ("m", 0.08), ("uː", 0.16), ("b", 0.06), ("iː", 0.14), ("", 0.5),
    ("f", 0.10), ("æ", 0.16), ("s", 0.12), ("t", 0.06), ("oʊ", 0.2), ("p", 0.08), ("ə", 0.10), ("", 0.5),
]  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """A made-up recording: its samples at `RATE` Hz, its timings, and both as files."""

    samples: Floats
    utterance: Utterance
    wav: Path
    timings: Path

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    def levels(self) -> Levels:
        return Levels(features(iter([self.samples])))

    def reference(self) -> Reference:
        return Reference.of(features(iter([self.samples])))


Speak = Callable[..., Speech]

CODECS = {
    ".wav": ("pcm_s16le", "s16"),
    ".float.wav": ("pcm_f32le", "flt"),
    ".flac": ("flac", "s16"),
    ".ogg": ("libopus", "flt"),
    ".mp3": ("libmp3lame", "fltp"),
    ".m4a": ("aac", "fltp"),
}


def write_recording(path: Path, samples: Floats, rate: int = RATE) -> Path:
    """Write samples (channels, n), one or two channels, in the format that the name ends in."""
    codec, format_name = CODECS["".join(path.suffixes[-2:])]
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples, np.float32), format="fltp", layout=layout
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=format_name, layout=layout, rate=rate)
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def speak(tmp_path: Path) -> Speak:
    """`speak(sounds)`: vowels hum, consonants hiss, p, b and silence are silent."""
    count = 0

    def make(sounds: Sounds = SENTENCE, *, loudness: float = 0.3) -> Speech:
        nonlocal count
        count += 1
        phones, parts, at = [], [], 0.0
        for symbol, length in sounds:
            parts.append(loudness * _sound(symbol, round(length * RATE)))
            if symbol:
                phones.append(Phone(symbol, at, at + length))
            at += length
        samples = np.concatenate(parts).astype(np.float32)
        wav, timings = tmp_path / f"speech-{count}.wav", tmp_path / f"timings-{count}.jsonl"
        write_recording(wav, samples[None])
        utterance = Utterance("made up", 0.0, at, phones)
        with timings.open("wb") as file:
            write_utterance(file, utterance)
        return Speech(samples, utterance, wav, timings)

    return make


def _sound(symbol: str, count: int) -> Floats:
    time = np.arange(count) / RATE
    if not symbol or symbol[0] in "pbtkʔ":
        return np.zeros(count)
    if symbol[0] in "fθszʃh":
        noise = np.random.default_rng(count).standard_normal(count)
        return np.asarray(np.diff(noise, prepend=0.0) * 0.15)
    return np.asarray(sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 20))) / 2


@pytest.fixture(scope="session")
def photo() -> Picture:
    """The sample portrait, BGR."""
    loaded = cv2.imread(str(PORTRAIT))
    assert loaded is not None
    return picture(loaded)


@pytest.fixture(scope="session")
def frame() -> FaceFrame:
    """The sample portrait's face."""
    return FaceFrame.of(read_face(FACE))


@pytest.fixture
def open_files() -> Callable[[], set[str]]:
    """The paths that this process holds open."""

    def look() -> set[str]:
        return {str(path.readlink()) for path in _descriptors()}

    return look


def _descriptors() -> Iterator[Path]:
    for path in Path("/proc/self/fd").iterdir():
        if path.is_symlink():
            yield path
