"""Run by `tests.bench.voices` in the neural environment: XTTS at full size with random weights, as JSON.

python tests/neural/tts/measure_xtts.py DEVICE CODES
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.neural.tts import tiny_xtts
from tests.neural.tts.measuring import half_on, measure, now
from tts_worker.xtts.decoder import Decoder
from tts_worker.xtts.generation import CODES_PER_SECOND, Settings, codes, text_tokens
from tts_worker.xtts.network import Network, load
from tts_worker.xtts.speaking import PIECE

TEXT = "A quick brown fox jumps over the lazy dog, while five warm boats move past the village."


def speaking(network: Network, count: int) -> dict[str, float]:
    """Generate so many codes and decode them in pieces."""
    speaker = network.speaker(network.speakers[0])
    tokens = text_tokens(network, TEXT, "en")
    device = next(network.model.parameters()).device
    torch.manual_seed(0)
    began = now(device)
    chain = codes(network, speaker, tokens, Settings.of(network, None), half=half_on(device))
    made = 0

    def latents() -> Iterator[torch.Tensor]:
        nonlocal made
        for _, (_, latent) in zip(range(count), chain, strict=False):
            made += 1
            yield latent

    pieces = Decoder(network.model, speaker.embedding).pieces(latents(), PIECE)
    next(pieces)
    first = now(device) - began
    for _ in pieces:
        pass
    return {
        "first_piece": first,
        "whole": now(device) - began,
        "codes": made,
        "speech": made / CODES_PER_SECOND,
    }


if __name__ == "__main__":
    measure(functools.partial(tiny_xtts.make, sizes=tiny_xtts.FULL), load, speaking)
