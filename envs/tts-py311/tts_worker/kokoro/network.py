"""Kokoro's graph, vocabulary and voices, loaded from a folder in the published layout.

    onnx/model.onnx, tokenizer.json, voices/NAME.bin

A voice is a table of styles, one for each number of symbols that are spoken at once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime

from shared_schema.engine import Context
from shared_schema.errors import WeightsError
from tts_worker.chunk import Samples
from tts_worker.kokoro.noise import with_fixed_noise
from tts_worker.protobuf import Malformed
from tts_worker.sessions import open_session, threads

__all__ = ["MOST_SYMBOLS", "RATE", "STYLES", "WIDTH", "Network", "Style", "load"]

RATE = 24_000
"""Of its sound, Hz."""

MOST_SYMBOLS = 510
"""Spoken at once: the model's 512 positions without the pads at both ends."""

STYLES, WIDTH = 510, 256
"""Shape of a voice: rows are the number of symbols."""

PAD = "$"

ACCENTS = "ab"
"""First letters of the voices that speak English, American and British; the phonemiser reads no other."""

INPUTS = {"input_ids": "tensor(int64)", "style": "tensor(float)", "speed": "tensor(float)"}
OUTPUT = "waveform"

POLL_SECONDS = 0.1
"""How often it is asked, while the model computes, whether the task was cancelled."""

_REMEDY = "Run `avatar models verify kokoro`, and fetch it again."

Style = npt.NDArray[np.float32]
"""Voice and manner of speaking, (1, 256)."""


@dataclass(frozen=True)
class Network:
    """A loaded model: `vocabulary` are the ids of symbols, `voices` the files of those that speak English."""

    session: onnxruntime.InferenceSession
    vocabulary: dict[str, int]
    voices: dict[str, Path]

    def known(self, phonemes: str) -> str:
        """The phonemes without symbols that the model never learnt."""
        return "".join(symbol for symbol in phonemes if symbol in self.vocabulary and symbol != PAD)

    def voice(self, name: str) -> npt.NDArray[np.float32]:
        """One of `voices`: its styles, (510, 256). WeightsError where they are no numbers."""
        styles = np.fromfile(self.voices[name], "<f4")
        if styles.size != STYLES * WIDTH or not np.isfinite(styles).all():
            raise WeightsError(f"The Kokoro voice {self.voices[name]} is damaged.", _REMEDY)
        return styles.reshape(STYLES, WIDTH)

    def sound(self, phonemes: str, voice: npt.NDArray[np.float32], speed: float, context: Context) -> Samples:
        """What the model says, (N,) at `RATE`, for 1 to `MOST_SYMBOLS` symbols that it knows.

        `speed` divides its durations. Cancelled, within an inference too.
        """
        pad = self.vocabulary[PAD]
        ids = [pad, *(self.vocabulary[symbol] for symbol in phonemes), pad]
        feeds = {
            "input_ids": np.asarray([ids], np.int64),
            # The table ends one short of the most symbols.
            "style": voice[[min(len(phonemes), STYLES - 1)]],
            "speed": np.asarray([speed], np.float32),
        }
        samples: Samples = self._run(feeds, context).reshape(-1)
        return samples

    def _run(self, feeds: dict[str, Any], context: Context) -> Any:
        """The waveform. A long sentence takes seconds, so another thread computes and this one listens."""
        options = onnxruntime.RunOptions()
        options.log_severity_level = 4  # what goes wrong is raised, and need not be printed too
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.session.run, [OUTPUT], feeds, options)
            try:
                while True:
                    try:
                        return running.result(timeout=POLL_SECONDS)[0]
                    except TimeoutError:
                        context.check()
            finally:
                options.terminate = True


def load(folder: Path) -> Network:
    """Read everything. WeightsError where a file is missing, damaged, or does not fit."""
    for name in ("onnx/model.onnx", "tokenizer.json"):
        if not (folder / name).is_file():
            raise WeightsError(f"The Kokoro weights in {folder} lack {name}.", _REMEDY)
    vocabulary = _vocabulary(folder / "tokenizer.json")
    voices = _voices(folder / "voices")
    return Network(_session(folder / "onnx" / "model.onnx"), vocabulary, voices)


class _Model(msgspec.Struct):
    vocab: dict[str, int]


class _Tokenizer(msgspec.Struct):
    """What is read of tokenizer.json."""

    model: _Model


def _vocabulary(path: Path) -> dict[str, int]:
    try:
        vocabulary = msgspec.json.decode(path.read_bytes(), type=_Tokenizer).model.vocab
    except msgspec.MsgspecError as error:
        raise WeightsError(f"The Kokoro vocabulary {path} is damaged: {error}.", _REMEDY) from error
    if PAD not in vocabulary:
        raise WeightsError(f"The Kokoro vocabulary {path} lacks {PAD!r}, which pads a sentence.", _REMEDY)
    return vocabulary


def _voices(folder: Path) -> dict[str, Path]:
    """The voices that speak English, by name, in order."""
    voices = {path.stem: path for path in sorted(folder.glob(f"[{ACCENTS}]*.bin"))}
    if not voices:
        raise WeightsError(f"The Kokoro weights in {folder.parent} hold no English voice.", _REMEDY)
    expected = STYLES * WIDTH * np.dtype(np.float32).itemsize
    for path in voices.values():
        size = path.stat().st_size
        if size != expected:
            raise WeightsError(f"The Kokoro voice {path} has {size} bytes, not {expected}.", _REMEDY)
    return voices


def _session(path: Path) -> onnxruntime.InferenceSession:
    try:
        model = with_fixed_noise(path.read_bytes())
    except Malformed as error:
        raise WeightsError(f"The Kokoro graph {path} is damaged: {error}.", _REMEDY) from error
    count = threads()
    try:
        session = open_session(model, count)
    except MemoryError:
        raise
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise WeightsError(f"The Kokoro graph {path} cannot be used: {error}.", _REMEDY) from error
    inputs = {each.name: each.type for each in session.get_inputs()}
    outputs = {each.name: each.type for each in session.get_outputs()}
    if inputs != INPUTS or outputs.get(OUTPUT) != "tensor(float)":
        found = ", ".join(f"{name} {kind}" for name, kind in {**inputs, **outputs}.items())
        raise WeightsError(f"{path} is no graph of Kokoro's: it has {found}.", _REMEDY)
    return session
