"""A worker with weights of a given size that `shared_schema.residence` moves: what neural engines do.

    WEIGHTS_BYTES     of random fp16 weights
    WEIGHTS_DEVICE    "cuda", or "cpu:0" for a second place in host memory

Run it with a Python that has torch. With `--copy-rate` it prints the bytes a second of a plain copy and ends.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from shared_schema import worker
from shared_schema.engine import Context, Engine
from shared_schema.messages import Memory, Task
from shared_schema.residence import Residence
from shared_schema.stages import SpeechOutcome, Stage

WIDTH = 1280
SIZE = int(os.environ.get("WEIGHTS_BYTES", "100000000"))
DEVICE = os.environ.get("WEIGHTS_DEVICE", "cuda")
ON_GPU = DEVICE == "cuda"

# Measured of torch 2.13 without a GPU: 0.6 GB. A CUDA context with cuBLAS is said to take 0.5 to 0.6 GB.
PROCESS = 700_000_000
WORK = 200_000_000
SAMPLE = 2**30
ROUNDS = 5


def stated(size: int, *, on_gpu: bool) -> Memory:
    """What a process with so many bytes of weights takes of the GPU, or without one of the host.

    There the weights stay where they were, the second place holds them once more, and the packing a third
    time.
    """
    if on_gpu:
        return Memory(peak=size + PROCESS + WORK, context=PROCESS)
    return Memory(peak=3 * size + PROCESS, context=size + PROCESS)


class Weights(Engine):
    name = f"weights-{SIZE}"
    stage = Stage.SPEECH
    version = "1"
    summary = "Moves weights."
    host = Memory(0) if ON_GPU else stated(SIZE, on_gpu=False)
    gpu = stated(SIZE, on_gpu=True) if ON_GPU else None

    def load(self) -> None:
        import torch

        count = SIZE // (2 * WIDTH * WIDTH)
        layer = torch.rand(WIDTH, WIDTH).half()
        self._layers: Any = torch.nn.ParameterList(
            torch.nn.Parameter(layer.clone(), requires_grad=False) for _ in range(count)
        )
        self._residence = Residence([self._layers])

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        context.progress("moving", 0, 1)
        self._residence.to_device(DEVICE)
        context.progress("computing", 0, 1)
        total = float((self._layers[0] @ self._layers[-1]).sum())
        return SpeechOutcome(24000, int(total > 0), 1, voice=str(os.getpid()))

    def offload(self) -> None:
        self._residence.to_host()

    def unload(self) -> None:
        self._residence.drop()


ENGINES = [Weights]


def copy_rate() -> float:
    """Bytes a second of one plain copy from the host, pinned for a GPU, into memory that was just taken."""
    import torch

    source = torch.ones(SAMPLE, dtype=torch.uint8)
    source = source.pin_memory() if ON_GPU else source
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        torch.empty_like(source, device=DEVICE).copy_(source, non_blocking=True)
        if ON_GPU:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return SAMPLE / sorted(seconds)[ROUNDS // 2]


if __name__ == "__main__":
    if sys.argv[1:] == ["--copy-rate"]:
        print(copy_rate())
    else:
        worker.main(os.environ["WEIGHTS_WORKER"], "__main__")
