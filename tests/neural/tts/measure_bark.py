"""Bark at full size with random weights, in the neural environment: loading, moving, speaking, as JSON.

python tests/neural/tts/measure_bark.py DEVICE TOKENS [tiny]

TOKENS are semantic ones, 49.9 of which are a second of speech; random weights never stop by themselves. On a
GPU matrices are multiplied in fp16. `first_piece` is `whole`, since Bark does not stream.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

from shared_schema import accounts
from shared_schema.residence import Residence
from tests.neural.tts import tiny_bark
from tts_worker.bark import generation
from tts_worker.bark.network import Network, load

TEXT = "A quick brown fox jumps over the lazy dog, while five warm boats move past the village."


def main() -> None:
    """Load, move, speak a sentence's worth of tokens, and say how long each took, in seconds."""
    device, count = sys.argv[1], int(sys.argv[2])
    sizes = tiny_bark.TINY if sys.argv[3:] == ["tiny"] else tiny_bark.FULL
    with tempfile.TemporaryDirectory() as folder:
        weights = tiny_bark.make(Path(folder) / "bark", sizes)
        began = time.perf_counter()
        network = load(weights)
        residence = Residence([network.model])
        loading = time.perf_counter() - began
        moved = residence.to_device(device) if device != "cpu" else None
        if device != "cpu":  # the first use of a GPU loads its kernels
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
    """Generate so many semantic tokens and make them sound; the seconds of each stage."""
    half = torch.float16 if network.device.type == "cuda" else None
    text = generation.text_tokens(network, TEXT)[: network.most_text]
    torch.manual_seed(0)
    ends = [time.perf_counter()]
    made = generation.semantics(network, text, None, count, half=half).tokens
    ends.append(_now(network))
    codes = generation.codes(network, made, None, half=half)
    ends.append(_now(network))
    samples = generation.sound(network, codes)
    ends.append(_now(network))
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
        "codes_a_second": len(made) / semantic,
        "real_time_factor": whole / (len(samples) / network.rate),
    }


def _now(network: Network) -> float:
    """Seconds, when all that was asked of the device is done."""
    if network.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
