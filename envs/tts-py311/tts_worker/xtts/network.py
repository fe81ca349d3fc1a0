"""XTTS's nets and tokenizer, loaded from a folder in the published layout.

    config.json, vocab.json, model.safetensors, speakers_xtts.safetensors

The package's own `load_checkpoint` reads pickles and so is not used; what it does besides is done here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from shared_schema.errors import WeightsError
from tts_worker.compat import settle_generation, xtts_classes

__all__ = ["Network", "Speaker", "load"]

LEFT_OUT = ("torch_mel_spectrogram_style_encoder", "torch_mel_spectrogram_dvae", "dvae", "gpt.gpt_inference")
"""Beginnings of keys that trainers leave in checkpoints and that speaking does not need."""

_REMEDY = "Run `avatar models verify xtts-v2`, and fetch it again."


@dataclass(frozen=True)
class Speaker:
    """A voice as the nets know it: `latents` (1, 32, width) for the language model, `embedding` (1, 512, 1)
    for the decoder.
    """

    latents: torch.Tensor
    embedding: torch.Tensor


@dataclass(frozen=True)
class Network:
    """A loaded model. `rate` is that of its sound in Hz, `limits` characters a sentence by language."""

    model: Any
    folder: Path
    rate: int
    limits: dict[str, int]

    @property
    def speakers(self) -> list[str]:
        """Names of the voices that come with the weights, in the file's order."""
        path = self._speakers_file
        if not path.is_file():
            return []
        with safe_open(path, "pt") as file:
            return list(dict.fromkeys(key.rpartition("/")[0] for key in file.keys()))  # noqa: SIM118 - no mapping

    def speaker(self, name: str) -> Speaker:
        """One of `speakers`."""
        with safe_open(self._speakers_file, "pt") as file:
            return Speaker(
                file.get_tensor(f"{name}/gpt_cond_latent"), file.get_tensor(f"{name}/speaker_embedding")
            )

    @property
    def _speakers_file(self) -> Path:
        return self.folder / "speakers_xtts.safetensors"


def load(folder: Path) -> Network:
    """Read everything onto the host. WeightsError where a file is missing or does not fit."""
    for name in ("config.json", "vocab.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise WeightsError(f"The XTTS weights in {folder} lack {name}.", _REMEDY)
    config_type, model_type, tokenizer_type = xtts_classes()
    try:
        config = config_type()
        config.load_json(str(folder / "config.json"))
        state = _cleaned(load_file(folder / "model.safetensors"))
    except (SafetensorError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise WeightsError(f"The XTTS weights in {folder} are damaged: {error}.", _REMEDY) from error
    try:
        tokenizer = tokenizer_type(vocab_file=str(folder / "vocab.json"))
    except Exception as error:  # tokenizers raises nothing narrower
        raise WeightsError(f"The XTTS vocabulary in {folder} is damaged: {error}.", _REMEDY) from error
    # Known before the nets are made, these make them once and not twice.
    config.model_args.gpt_number_text_tokens = tokenizer.get_number_tokens()
    config.model_args.gpt_start_text_token = tokenizer.tokenizer.token_to_id("[START]")
    config.model_args.gpt_stop_text_token = tokenizer.tokenizer.token_to_id("[STOP]")
    model = model_type(config)
    model.tokenizer = tokenizer
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise WeightsError(
            f"The XTTS weights in {folder} do not fit their config.json: {first}", _REMEDY
        ) from error
    model.eval()  # this also makes the language model's generating half, with its cache
    settle_generation(model)
    _fix_weights(model)
    return Network(model, folder, int(config.audio.output_sample_rate), dict(tokenizer.char_limits))


def _fix_weights(model: Any) -> None:
    """Take weight_norm off: it computes weights anew at each call, and such cannot be moved in one copy.

    Upstream's own `remove_weight_norm` stops at the first layer that has none (TTS 0.22).
    """
    for module in model.modules():
        if is_parametrized(module, "weight"):
            remove_parametrizations(module, "weight")


def _cleaned(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state with the names that the nets have."""
    named = {key.removeprefix("xtts."): value for key, value in state.items()}
    return {key: value for key, value in named.items() if not key.startswith(LEFT_OUT)}
