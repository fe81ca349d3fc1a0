"""Makes a Bark checkpoint with random weights, in the layout in which `avatar models` installs one.

Of the published sizes, or a tiny one: 2 MB, in which all numbers of tokens are small too.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from transformers import BertTokenizerFast
from transformers.models.bark import BarkModel
from transformers.models.bark.configuration_bark import BarkConfig
from transformers.models.bark.generation_configuration_bark import BarkGenerationConfig

from orchestrator.models.convert import to_safetensors
from shared_schema.weights import RECORD_NAME, File, Record
from tts_worker.compat import quiet_codec

__all__ = ["CODES", "FULL", "LETTERS", "PRESETS", "SEMANTICS", "TINY", "Sizes", "make", "preset"]

PRESETS = ("en_speaker_0", "en_speaker_6", "de_speaker_0", "de_speaker_1", "zh_speaker_0")

LETTERS = (
    string.ascii_letters + string.digits + ".,!?'-¿।。äöüßéèçñãõåøœşğıłńś"
    + "".join(map(chr, range(0x0410, 0x0450)))  # Russian
    + "".join(map(chr, range(0x0900, 0x0970)))  # Hindi
    + "早上好今天气很我们去公园散步おはようございます좋은아침"
)  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """What each net's config says, and each stage's part of the generation config, beside the defaults."""

    nets: dict[str, Any]
    semantic: dict[str, Any]
    coarse: dict[str, Any]
    fine: dict[str, Any]
    codec: dict[str, Any] = field(default_factory=dict)
    stages: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
    codebook: int = 1024


FULL = Sizes(
    {"block_size": 1024, "hidden_size": 1024, "num_layers": 24, "num_heads": 16, "bias": False},
    {"input_vocab_size": 129_600, "output_vocab_size": 10_048},
    {"input_vocab_size": 12_096, "output_vocab_size": 12_096},
    {"input_vocab_size": 1056, "output_vocab_size": 1056},
)
"""The published sizes; codec and generation are the package's defaults."""

SEMANTICS, CODES = 100, 64
"""Semantic tokens and codes of a codebook in the tiny one."""

_TEXT = 128  # where the tiny one's text tokens begin
_VOCABULARY = _TEXT + 5 + 2 * len(set(LETTERS)) + 8

TINY = Sizes(
    {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "bias": False, "initializer_range": 0.2},
    {"block_size": 256, "input_vocab_size": _VOCABULARY, "output_vocab_size": SEMANTICS + 8},
    {"block_size": 256, "input_vocab_size": 256, "output_vocab_size": 256},
    {"block_size": 64, "input_vocab_size": CODES + 8, "output_vocab_size": CODES + 8},
    {"num_filters": 4, "hidden_size": 16, "codebook_size": CODES, "num_lstm_layers": 1},
    (
        {
            "eos_token_id": SEMANTICS,
            "max_new_tokens": 160,
            "text_encoding_offset": _TEXT,
            "text_pad_token": _VOCABULARY - 2,
            "semantic_infer_token": _VOCABULARY - 1,
            "semantic_vocab_size": SEMANTICS,
            "max_input_semantic_length": 64,
        },
        {
            "coarse_semantic_pad_token": SEMANTICS + 2 * CODES,
            "coarse_infer_token": SEMANTICS + 2 * CODES + 2,
            "max_coarse_input_length": 32,
            "max_coarse_history": 60,
        },
        {"max_fine_history_length": 32, "max_fine_input_length": 64},
    ),
    CODES,
)


def make(folder: Path, sizes: Sizes = TINY) -> Path:
    """Write the checkpoint into `folder`, which must not exist; same weights each time.

    The weights lie in memory once. They go through the converter, as the published ones do.
    """
    folder.mkdir(parents=True)
    _write_configs(folder, sizes)
    torch.manual_seed(0)
    with quiet_codec():
        model = BarkModel(BarkConfig.from_pretrained(folder))
    for name, buffer in model.codec_model.named_buffers():
        if name.endswith("codebook.embed"):
            buffer.normal_()  # zeros, where nothing was learnt
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    del model
    to_safetensors(folder / "pytorch_model.bin", folder / "model.safetensors")
    (folder / "pytorch_model.bin").unlink()
    _write_vocabulary(folder)
    for index, name in enumerate(PRESETS):
        _write_preset(folder, name, preset(index))
    files = {
        path.relative_to(folder).as_posix(): File(path.stat().st_size, "0" * 64)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    (folder / RECORD_NAME).write_bytes(msgspec.json.encode(Record("bark", "tiny", "MIT", files)))
    return folder


def preset(seed: int, seconds: float = 1.0) -> dict[str, np.ndarray]:
    """A made-up voice: semantic tokens (n,), and codes (2, m) and (8, m)."""
    rng = np.random.default_rng(seed)
    fine = rng.integers(0, CODES, (8, int(seconds * 75)))
    return {"semantic": rng.integers(0, SEMANTICS, int(seconds * 49.9)), "coarse": fine[:2], "fine": fine}


def _write_configs(folder: Path, sizes: Sizes) -> None:
    config = BarkConfig(
        semantic_config=sizes.nets | sizes.semantic,
        coarse_acoustics_config=sizes.nets | sizes.coarse,
        fine_acoustics_config=sizes.nets | sizes.fine,
        codec_config=sizes.codec,
    )
    config.save_pretrained(folder)
    # As the published file has them: sampled, at these temperatures.
    semantic, coarse, fine = (
        {"do_sample": True, "temperature": temperature, **stage}
        for stage, temperature in zip(sizes.stages, (0.7, 0.7, 0.5), strict=True)
    )
    generation = BarkGenerationConfig(semantic, coarse, fine, codebook_size=sizes.codebook)
    (folder / "generation_config.json").write_text(json.dumps(generation.to_dict()))


def _write_vocabulary(folder: Path) -> None:
    """Single letters, at the beginning of words and within them, in the files that transformers writes."""
    letters = sorted(set(LETTERS))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)


def _write_preset(folder: Path, name: str, voice: dict[str, np.ndarray]) -> None:
    """Three files, and their entry in the index that the published repository has."""
    index = folder / "speaker_embeddings_path.json"
    entries: dict[str, Any] = json.loads(index.read_text()) if index.is_file() else {"repo_or_path": "bark"}
    entries[f"v2/{name}"] = {}
    (folder / "speaker_embeddings" / "v2").mkdir(parents=True, exist_ok=True)
    for part, numbers in voice.items():
        path = f"speaker_embeddings/v2/{name}_{part}_prompt.npy"
        np.save(folder / path, numbers, allow_pickle=False)
        entries[f"v2/{name}"][f"{part}_prompt"] = path
    index.write_text(json.dumps(entries))
