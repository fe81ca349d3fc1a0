"""Makes a tiny graph in Kokoro's layout, with its inputs, its output, its vocabulary, and its random nodes.

Each symbol is a tone of its own, 0.1 s long; the style raises all of them, the speed shortens them. So what
the graph was given can be told from what it gives: `tones` says it without the graph.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
from hibari.tts import ASSETS
from onnx import TensorProto, helper, numpy_helper

from shared_schema.engine import Context
from shared_schema.weights import RECORD_NAME, File, Record
from tts_worker.chunk import Samples
from tts_worker.kokoro.network import Network

__all__ = [
    "LOUDNESS",
    "NOISE",
    "STYLES",
    "SYMBOL",
    "VOICES",
    "WIDTH",
    "Overheard",
    "listening",
    "make",
    "model",
    "tones",
    "vocabulary",
]

STYLES, WIDTH = 510, 256
VOICES = ("af_heart", "am_michael", "bf_emma", "bm_george", "ff_siwis", "zf_xiaobei")
"""Two American, two British, and two that speak what the phonemiser cannot read."""

SYMBOL = 2_400
"""Samples of a symbol at speed 1, 24 kHz."""

LOUDNESS, NOISE = 0.3, 0.0002
"""Amplitudes of the tones, and of what is random besides."""

IDS = 178
"""Rows of the published embedding."""

RATE = 24_000


@dataclass(frozen=True)
class Overheard(Network):
    """A network that remembers what it was told to say, and may cancel a task when it has said so much."""

    said: list[str] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    enough: int = 1_000

    def sound(self, phonemes: str, voice: npt.NDArray[np.float32], speed: float, context: Context) -> Samples:
        self.said.append(phonemes)
        samples = super().sound(phonemes, voice, speed, context)
        if len(self.said) == self.enough:
            self.cancelled.set()
        return samples


def listening(network: Network, enough: int = 1_000) -> Overheard:
    """The same network, overheard from now on."""
    return Overheard(**{each.name: getattr(network, each.name) for each in fields(network)}, enough=enough)


def make(folder: Path, voices: Sequence[str] = VOICES, graph: onnx.ModelProto | None = None) -> Path:
    """Write the model into `folder`, which must not exist, as `avatar models` would install it."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "voices").mkdir()
    onnx.save(graph or model(), folder / "onnx" / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"model_type": "style_text_to_speech_2"}))
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": {"vocab": vocabulary()}}))
    for number, name in enumerate(voices):
        styles(number).astype("<f4").tofile(folder / "voices" / f"{name}.bin")
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = {path.relative_to(folder).as_posix(): File(path.stat().st_size, "0" * 64) for path in paths}
    (folder / RECORD_NAME).write_bytes(msgspec.json.encode(Record("kokoro", "tiny", "Apache-2.0", files)))
    return folder


def vocabulary() -> dict[str, int]:
    """The published one: hibari, distilled from Kokoro, has all of it but the pad."""
    learnt: dict[str, int] = json.loads((Path(ASSETS) / "vocab.json").read_text(encoding="utf-8"))
    return {"$": 0, **learnt}


def styles(number: int) -> npt.NDArray[np.float32]:
    """A voice, (510, 256): the first column says which, the last which row."""
    table = np.zeros((STYLES, WIDTH), np.float32)
    table[:, 0] = number / 10
    table[:, -1] = np.arange(STYLES) / STYLES
    return table


def tones(ids: Sequence[int], style: npt.NDArray[np.float32], speed: float) -> npt.NDArray[np.float64]:
    """What the graph gives, but for its noise: (N,) at 24 kHz. The pad is silent."""
    count = round(SYMBOL / 600 / speed) * 600
    time = np.arange(count) / RATE
    rise = 1 + style[0] + style[-1]
    parts = [
        LOUDNESS * (number != 0) * np.sin(2 * np.pi * (100 + 5 * number) * rise * time) for number in ids
    ]
    return np.concatenate(parts)


def model(loudness: float = LOUDNESS, noise: float = NOISE, pad: float = 0.0) -> onnx.ModelProto:
    """The graph: frequencies by symbol, raised by the style, times the time of a symbol; and noise.

    `pad` is how loud the pads are.
    """
    constants = {
        "frequencies": (2 * np.pi * (100 + 5 * np.arange(IDS))).astype(np.float32),
        "loudness": np.where(np.arange(IDS) == 0, pad, loudness).astype(np.float32),
        "first": np.asarray([0]),
        "last": np.asarray([WIDTH - 1]),
        "one": np.asarray(1, np.float32),
        "frames": np.asarray([SYMBOL / 600], np.float32),
        "hop": np.asarray([600], np.float32),
        "scalar": np.asarray([], np.int64),
        "zero": np.asarray(0.0, np.float32),
        "rate": np.asarray(RATE, np.float32),
        "noise": np.asarray(noise, np.float32),
        "last_axis": np.asarray([2]),
        "flat": np.asarray([1, -1]),
    }
    nodes: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Gather", ["style", "first"], "which", {"axis": 1}),
        ("Gather", ["style", "last"], "row", {"axis": 1}),
        ("Add", ["which", "row"], "raised", {}),
        ("Add", ["raised", "one"], "rise", {}),
        ("Div", ["frames", "speed"], "frames_wanted", {}),
        ("Round", ["frames_wanted"], "frames_whole", {}),
        ("Mul", ["frames_whole", "hop"], "samples", {}),
        ("Reshape", ["samples", "scalar"], "count", {}),
        ("Range", ["zero", "count", "one"], "indexes", {}),
        ("Div", ["indexes", "rate"], "time", {}),
        ("Gather", ["frequencies", "input_ids"], "pitch", {}),
        ("Mul", ["pitch", "rise"], "raised_pitch", {}),
        ("Unsqueeze", ["raised_pitch", "last_axis"], "column", {}),
        # Kokoro lets its harmonics begin anywhere; so do these, a little.
        ("RandomUniformLike", ["column"], "begin", {"high": NOISE}),
        ("Mul", ["column", "time"], "phase", {}),
        ("Add", ["phase", "begin"], "begun", {}),
        ("Sin", ["begun"], "wave", {}),
        ("Gather", ["loudness", "input_ids"], "loud", {}),
        ("Unsqueeze", ["loud", "last_axis"], "loud_column", {}),
        ("Mul", ["wave", "loud_column"], "voiced", {}),
        ("RandomNormalLike", ["voiced"], "drawn", {}),
        ("Mul", ["drawn", "noise"], "hiss", {}),
        ("Mul", ["hiss", "loud_column"], "hiss_of_symbols", {}),
        ("Add", ["voiced", "hiss_of_symbols"], "mixed", {}),
        ("Reshape", ["mixed", "flat"], "waveform", {}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, given, [result], **more) for kind, given, result, more in nodes],
        "tiny-kokoro",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "symbols"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, WIDTH]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [1, "samples"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
