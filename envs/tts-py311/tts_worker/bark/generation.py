"""Bark's stages at work. Each takes what the one before has made, and what the voice has said before.

    text ──tokenizer──> tokens ──semantic──> 49.9 tokens/s ──coarse──> 2 codes, 75 times a second
                                                            sound <──codec── 8 codes <──fine──┘

This is what `BarkModel.generate` does, stage by stage, so that a sentence can be given up after the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

from tts_worker.bark.network import Network
from tts_worker.bark.presets import History
from tts_worker.chunk import Samples
from tts_worker.precision import in_half

__all__ = ["Semantics", "codes", "interruptible", "semantics", "sound", "text_tokens"]


class Semantics(NamedTuple):
    """What is said and how, as tokens (n,), and whether they came to their end."""

    tokens: torch.Tensor
    ended: bool


def text_tokens(network: Network, text: str) -> list[int]:
    """The tokens of a sentence, however many; the nets take `network.most_text`."""
    # Said to be quiet, it does not warn of more tokens than Bert takes.
    tokens: list[int] = network.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return tokens


@torch.inference_mode()
def semantics(
    network: Network,
    tokens: list[int],
    history: History | None,
    most: int,
    *,
    temperature: float | None = None,
    half: torch.dtype | None = None,
) -> Semantics:
    """Semantic tokens for text tokens, at most `most`.

    Sampled from torch's global generator: seed it before. `temperature` is the checkpoint's own where it is
    None. With `half` matrices are multiplied in that format; softmax and sampling stay in fp32.
    """
    device, settings = network.device, network.settings.semantic_config
    padding = [0] * (network.most_text - len(tokens))
    mask = [1] * len(tokens) + padding
    with in_half(device, half):
        made = network.model.semantic.generate(
            torch.tensor([tokens + padding], device=device),
            attention_mask=torch.tensor([mask], device=device),
            history_prompt=_on(device, history),
            semantic_generation_config=settings,
            max_new_tokens=min(most, settings.max_new_tokens),
            temperature=settings.temperature if temperature is None else temperature,
        )[0]
    ended = bool(made[-1] == settings.eos_token_id)
    return Semantics(made[:-1] if ended else made, ended)


@torch.inference_mode()
def codes(
    network: Network, tokens: torch.Tensor, history: History | None, *, half: torch.dtype | None = None
) -> torch.Tensor:
    """The codec's codes (8, m) for semantic tokens (n,), n at least 1; `half` as for `semantics`."""
    settings, model = network.settings, network.model
    device = network.device
    shared = {
        "semantic_generation_config": settings.semantic_config,
        "coarse_generation_config": settings.coarse_acoustics_config,
        "codebook_size": settings.codebook_size,
        "history_prompt": _on(device, history),
    }
    # Each stage by itself: the half copies of its weights are gone before the next one's come.
    with in_half(device, half):
        coarse = model.coarse_acoustics.generate(tokens[None].clone(), **shared)
    with in_half(device, half):
        fine: torch.Tensor = model.fine_acoustics.generate(
            coarse, fine_generation_config=settings.fine_acoustics_config, **shared
        )[0]
    return fine


@torch.inference_mode()
def sound(network: Network, fine: torch.Tensor) -> Samples:
    """The samples (N,) of codes (8, m), always in fp32."""
    samples: Samples = network.model.codec_decode(fine[None])[0].float().cpu().numpy()
    return samples


@contextmanager
def interruptible(network: Network, check: Callable[[], None]) -> Iterator[None]:
    """Within it `check` is called before each layer of each net, and may raise to stop the work.

    Before layers, not nets: on a CPU one pass through the fine net takes many seconds.
    """
    model = network.model
    nets = (model.semantic, model.coarse_acoustics, model.fine_acoustics, model.codec_model.decoder)
    hooks = [layer.register_forward_pre_hook(lambda *_: check()) for net in nets for layer in net.layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _on(device: torch.device, history: History | None) -> History | None:
    return history and {part: tokens.to(device) for part, tokens in history.items()}
