"""Makes a tiny XTTS checkpoint with random weights, in the layout in which `avatar models` installs one.

The published sizes but for the language model's: its decoder's size is fixed, so it takes 93 MB.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.trainers import BpeTrainer
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts, XttsArgs, XttsAudioConfig

from shared_schema.weights import RECORD_NAME, File, Record

__all__ = ["FULL", "LANGUAGES", "SPEAKERS", "TINY", "WIDTH", "make"]

WIDTH = 64
LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi",
)  # fmt: skip
SPEAKERS = ("Claribel Dervla", "Damien Black")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-äöüßéèçñãõåøœ"


TINY = {
    "gpt_layers": 2,
    "gpt_n_model_channels": WIDTH,
    "gpt_n_heads": 4,
    "decoder_input_dim": WIDTH,
    "gpt_max_audio_tokens": 20,
    "gpt_num_audio_tokens": 1026,
    "gpt_start_audio_token": 1024,
    "gpt_stop_audio_token": 1025,
}
FULL: dict[str, int] = {}
"""What differs from the published sizes, which are the package's defaults."""


def make(folder: Path, sizes: dict[str, int] = TINY) -> Path:
    """Write the checkpoint into `folder`, which must not exist; same weights each time."""
    folder.mkdir(parents=True)
    vocabulary = _vocabulary(folder / "vocab.json")
    config = XttsConfig(
        model_args=XttsArgs(
            **sizes,
            gpt_use_perceiver_resampler=True,
            gpt_number_text_tokens=vocabulary.get_vocab_size(),
            gpt_start_text_token=vocabulary.token_to_id("[START]"),
            gpt_stop_text_token=vocabulary.token_to_id("[STOP]"),
        ),
        audio=XttsAudioConfig(sample_rate=22050, output_sample_rate=24000),
    )
    config.save_json(str(folder / "config.json"))
    torch.manual_seed(0)
    state = {name: value.clone().contiguous() for name, value in Xtts(config).state_dict().items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    save_file(
        _speakers(config.model_args.gpt_n_model_channels),
        folder / "speakers_xtts.safetensors",
        {"format": "pt"},
    )
    files = {path.name: File(path.stat().st_size, "0" * 64) for path in sorted(folder.iterdir())}
    record = Record("xtts-v2", "tiny", "CPML", files, "non-commercial use only")
    (folder / RECORD_NAME).write_bytes(msgspec.json.encode(record))
    return folder


def _vocabulary(path: Path) -> Tokenizer:
    """A byte-pair vocabulary of single letters, with the special tokens of the published one."""
    tokenizer = Tokenizer(BPE(unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.pre_tokenizer = Whitespace()
    special = ["[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{language}]" for language in LANGUAGES)]
    tokenizer.train_from_iterator([LETTERS] * 2, BpeTrainer(special_tokens=special, vocab_size=120))
    tokenizer.save(str(path))
    # The published file has no pre-tokenizer, so that [SPACE] is found wherever it stands.
    content = json.loads(path.read_text())
    content["pre_tokenizer"] = None
    # As older releases of tokenizers wrote them, and as the published file has them.
    merges = content["model"]["merges"]
    content["model"]["merges"] = [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]
    path.write_text(json.dumps(content))
    return Tokenizer.from_file(str(path))


def _speakers(width: int) -> dict[str, torch.Tensor]:
    return {
        f"{name}/{part}": torch.randn(shape) * 0.1
        for name in SPEAKERS
        for part, shape in (("gpt_cond_latent", (1, 32, width)), ("speaker_embedding", (1, 512, 1)))
    }
