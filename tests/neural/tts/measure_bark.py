"""Run by `tests.bench.voices` in the neural environment: Bark at full size with random weights, as JSON.

python tests/neural/tts/measure_bark.py DEVICE TOKENS

TOKENS are semantic ones, 49.9 of which are a second of speech; random weights never stop by themselves.
`first_piece` is `whole`, since Bark does not stream.
"""

from __future__ import annotations

import functools
import itertools
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.neural.tts import tiny_bark
from tests.neural.tts.measuring import half_on, measure, now
from tts_worker.bark import generation
from tts_worker.bark.network import Network, load

TEXT = "A quick brown fox jumps over the lazy dog, while five warm boats move past the village."


def speaking(network: Network, count: int) -> dict[str, float]:
    """Generate so many semantic tokens and make them sound; the seconds of each stage."""
    half = half_on(network.device)
    text = generation.text_tokens(network, TEXT)[: network.most_text]
    torch.manual_seed(0)
    ends = [now(network.device)]
    made = generation.semantics(network, text, None, count, half=half).tokens
    ends.append(now(network.device))
    codes = generation.codes(network, made, None, half=half)
    ends.append(now(network.device))
    samples = generation.sound(network, codes)
    ends.append(now(network.device))
    semantic, acoustic, decoding = (end - begin for begin, end in itertools.pairwise(ends))
    whole = ends[-1] - ends[0]
    return {
        "first_piece": whole,
        "whole": whole,
        "codes": len(made),
        "speech": len(samples) / network.rate,
        "semantic": semantic,
        "acoustic": acoustic,
        "decoding": decoding,
    }


if __name__ == "__main__":
    measure(functools.partial(tiny_bark.make, sizes=tiny_bark.FULL), load, speaking)
