"""The language model at work: text to a chain of audio codes, each with the latent that the decoder takes.

    text ──tokenizer──> text tokens ─┐
    speaker latents ─────────────────┴──> GPT ──one code at a time──> (code, latent)

This is what upstream's `inference_stream` does. Its `inference` computes the same latents in a second pass
over the finished chain; they agree but for rounding, so one way serves both here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from tts_worker.precision import steps
from tts_worker.xtts.network import Network, Speaker
from tts_worker.xtts.numbers import in_words

__all__ = ["CODES_PER_SECOND", "Settings", "codes", "text_tokens"]

CODES_PER_SECOND = 22050 / 1024
"""Each audio code stands for 1024 samples at 22,050 Hz (`gpt_code_stride_len`)."""


@dataclass(frozen=True)
class Settings:
    """How freely to speak: as the checkpoint's config.json says, but for a `temperature` that was given."""

    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float
    length_penalty: float

    @classmethod
    def of(cls, network: Network, temperature: float | None) -> Settings:
        """The checkpoint's own, with another temperature unless that is None."""
        config = network.model.config
        return cls(
            config.temperature if temperature is None else temperature,
            config.top_k,
            config.top_p,
            float(config.repetition_penalty),
            float(config.length_penalty),
        )


def text_tokens(network: Network, text: str, language: str) -> list[int]:
    """The tokens of a sentence, its numbers, abbreviations and signs spelled out."""
    spelled = in_words(text.strip().lower(), language)
    tokens: list[int] = network.model.tokenizer.encode(spelled, lang=language)
    return tokens


def codes(
    network: Network,
    speaker: Speaker,
    tokens: list[int],
    settings: Settings,
    *,
    half: torch.dtype | None = None,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Audio codes and their latents (1, width), to the stop code, which comes too, or to the model's limit.

    Sampled from torch's global generator: seed it before. With `half` matrices are multiplied in that format;
    softmax and sampling stay in fp32.
    """
    device = next(network.model.gpt.parameters()).device
    return steps(_chain(network.model.gpt, speaker, tokens, settings, device), device, half)


def _chain(
    gpt: Any, speaker: Speaker, tokens: list[int], settings: Settings, device: torch.device
) -> Iterator[tuple[int, torch.Tensor]]:
    prefix = gpt.compute_embeddings(
        speaker.latents.to(device), torch.tensor([tokens], dtype=torch.int32, device=device)
    )
    chain = gpt.get_generator(
        fake_inputs=prefix,
        do_sample=True,
        num_beams=1,
        num_return_sequences=1,
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        repetition_penalty=settings.repetition_penalty,
        length_penalty=settings.length_penalty,
        output_attentions=False,
        output_hidden_states=True,
    )
    for code, latent in chain:
        yield int(code), latent.float()
