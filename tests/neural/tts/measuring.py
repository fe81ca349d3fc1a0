"""What the measurements of neural voices at full size have in common: load, move, speak, say it as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from shared_schema import accounts
from shared_schema.residence import Residence

__all__ = ["half_on", "measure", "now"]


def measure(
    make: Callable[[Path], Path], load: Callable[[Path], Any], speak: Callable[[Any, int], dict[str, float]]
) -> None:
    """Make weights, then print how long it took to load them, to move them to DEVICE, and to speak.

    `speak` says so many codes (COUNT), and gives figures in seconds. Arguments: DEVICE COUNT.
    """
    device, count = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        weights = make(Path(folder) / "weights")
        began = time.perf_counter()
        network = load(weights)
        residence = Residence([network.model])
        loading = time.perf_counter() - began
        moved = residence.to_device(device) if device != "cpu" else None
        if device != "cpu":
            speak(network, 4)  # the first use of a GPU loads its kernels
        figures = speak(network, count)
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


def half_on(device: torch.device) -> torch.dtype | None:
    """The format in which matrices are multiplied there."""
    return torch.float16 if device.type == "cuda" else None


def now(device: torch.device) -> float:
    """Seconds, when all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
