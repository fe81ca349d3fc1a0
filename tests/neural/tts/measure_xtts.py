"""Run by `tests.bench.xtts` in the neural environment: XTTS at full size with random weights, as JSON.

python tests/neural/tts/measure_xtts.py DEVICE CODES
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

from shared_schema import accounts
from shared_schema.residence import Residence
from tests.neural.tts import tiny_xtts
from tts_worker.xtts.decoder import Decoder
from tts_worker.xtts.generation import CODES_PER_SECOND, Settings, codes, text_tokens
from tts_worker.xtts.network import Network, load
from tts_worker.xtts.speaking import PIECE

TEXT = "A quick brown fox jumps over the lazy dog, while five warm boats move past the village."


def main() -> None:
    """Load, move, speak a sentence's worth of codes, and say how long each took, in seconds."""
    device, count = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        weights = tiny_xtts.make(Path(folder) / "xtts", tiny_xtts.FULL)
        began = time.perf_counter()
        network = load(weights)
        loading = time.perf_counter() - began
        residence = Residence([network.model])
        moved = residence.to_device(device) if device != "cpu" else None
        speaking(network, 4)
        figures = speaking(network, count)
    print(
        json.dumps(
            {
                **figures,
                "parameters": sum(parameter.numel() for parameter in network.model.parameters()),
                "loading": loading,
                "moving": moved.seconds if moved else 0.0,
                "moved_bytes": moved.bytes if moved else 0,
                "peak_rss": accounts.peak_resident_bytes(),
                "peak_gpu": accounts.peak_gpu_bytes(),
            }
        )
    )


def speaking(network: Network, count: int) -> dict[str, float]:
    """Generate so many codes and decode them in pieces."""
    speaker = network.speaker(network.speakers[0])
    tokens = text_tokens(network, TEXT, "en")
    torch.manual_seed(0)
    began = time.perf_counter()
    half = next(network.model.parameters()).device.type == "cuda"
    chain = codes(network, speaker, tokens, Settings.of(network, None), half=half)
    ends: list[float] = []

    def latents() -> object:
        for _, (_, latent) in zip(range(count), chain, strict=False):
            ends.append(time.perf_counter())
            yield latent

    pieces = Decoder(network.model, speaker.embedding).pieces(latents(), PIECE)  # type: ignore[arg-type]
    next(pieces)
    first = time.perf_counter() - began
    for _ in pieces:
        pass
    whole = time.perf_counter() - began
    return {"first_piece": first, "whole": whole, "codes": len(ends), "speech": len(ends) / CODES_PER_SECOND}


if __name__ == "__main__":
    main()
