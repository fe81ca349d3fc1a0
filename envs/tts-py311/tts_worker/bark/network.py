"""Bark's nets, tokenizer and settings, loaded from a folder in the published layout.

    config.json, generation_config.json, model.safetensors,
    tokenizer.json, tokenizer_config.json, special_tokens_map.json, vocab.txt, speaker_embeddings/

Nothing else is read: no pickle, no code that came with the weights, no file from a network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from shared_schema.errors import WeightsError
from tts_worker.compat import quiet_codec

__all__ = ["REMEDY", "Network", "load"]

NEEDED = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json")

MIN_EOS_P = 0.2
"""The end is taken where it is this likely. Suno's own code does so (`min_eos_p` in bark/generation.py), and
without it Bark often goes on after the text; the published generation_config.json leaves it out."""

MASK = ".attn.bias"
"""Which token may see which: not learnt, but made with the nets. A file may hold it or not."""

REMEDY = "Run `avatar models verify bark`, and fetch it again."


@dataclass(frozen=True)
class Network:
    """A loaded model. `settings` is a BarkGenerationConfig: how each of the stages generates."""

    model: Any
    tokenizer: Any
    settings: Any
    folder: Path

    @property
    def rate(self) -> int:
        """Of its sound, Hz."""
        return int(self.model.codec_model.config.sampling_rate)

    @property
    def device(self) -> torch.device:
        """Where it computes now."""
        place: torch.device = next(self.model.parameters()).device
        return place

    @property
    def most_text(self) -> int:
        """The most tokens of text that it takes."""
        return int(self.settings.semantic_config.max_input_semantic_length)


def load(folder: Path) -> Network:
    """Read everything onto the host. WeightsError where a file is missing or does not fit."""
    for name in NEEDED:
        if not (folder / name).is_file():
            raise WeightsError(f"The Bark weights in {folder} lack {name}.", REMEDY)
    settings = _settings(folder)
    tokenizer = _tokenizer(folder)
    semantic = settings.semantic_config
    if len(tokenizer) > semantic.text_pad_token - semantic.text_encoding_offset:
        raise WeightsError(
            f"The Bark vocabulary in {folder} does not fit its generation_config.json: it is too large.",
            REMEDY,
        )
    model = _model(folder)
    _fix_weights(model)
    return Network(model, tokenizer, settings, folder)


def _settings(folder: Path) -> Any:
    """The published settings; the nets always sample, so that another seed is another attempt."""
    from transformers.models.bark.generation_configuration_bark import (  # noqa: PLC0415 - takes seconds
        BarkGenerationConfig,
    )

    try:
        content = json.loads((folder / "generation_config.json").read_text())
        for stage in ("semantic_config", "coarse_acoustics_config"):
            content[stage]["do_sample"] = True
        settings = BarkGenerationConfig(**content)
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The generation_config.json of the Bark weights in {folder} is damaged: {error}.", REMEDY
        ) from error
    semantic = settings.semantic_config
    semantic.min_eos_p = semantic.min_eos_p or MIN_EOS_P
    semantic.pad_token_id = semantic.eos_token_id  # or transformers says at each sentence that it takes that
    return settings


def _tokenizer(folder: Path) -> Any:
    from transformers import BertTokenizerFast  # noqa: PLC0415 - as above

    try:
        return BertTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # tokenizers raises nothing narrower
        raise WeightsError(f"The Bark vocabulary in {folder} is damaged: {error}.", REMEDY) from error


def _model(folder: Path) -> Any:
    """The nets with all their weights: what is missing would otherwise be made up at random."""
    from transformers.models.bark import BarkModel  # noqa: PLC0415 - as above

    try:
        with quiet_codec():
            model, report = BarkModel.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
    except RuntimeError as error:  # on its second line, the first tensor of another size
        first = str(error).strip().splitlines()[1:2] or [str(error)]
        raise WeightsError(
            f"The Bark weights in {folder} do not fit their config.json: {first[0].strip()}", REMEDY
        ) from error
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        fault = str(error).rstrip(".")
        raise WeightsError(f"The Bark weights in {folder} are damaged: {fault}.", REMEDY) from error
    for key, what in (("missing_keys", "is missing"), ("unexpected_keys", "has no place")):
        if odd := sorted(name for name in report[key] if not name.endswith(MASK)):
            raise WeightsError(
                f"The Bark weights in {folder} do not fit their config.json: {odd[0]} {what}.", REMEDY
            )
    return model


def _fix_weights(model: Any) -> None:
    """Take weight_norm off: it computes weights anew at each call, and such cannot be moved in one copy."""
    for module in model.codec_model.modules():
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
