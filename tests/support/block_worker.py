"""A worker that really allocates: its engine holds a block of memory from its first task until it lets go.

What goes wrong is asked for by the task (`SpeechParams.language`), at once or for the next release:

    ok            does its work
    kill, stop    is killed, or stopped (SIGSTOP), in the middle of the task
    lie           says at the next release that it let go, and keeps the block
    die, mute     is killed, or says nothing, at the next release
    wait, deaf    goes on until it is cancelled, or does not hear that either

With BLOCK_DEVICE=cuda the blocks are torch's, on the GPU; with BLOCK_DEVICE=stand-in they are host memory
that passes for a GPU's.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from shared_schema import worker
from shared_schema.engine import Context, Engine
from shared_schema.messages import Memory, Task
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage

MIB = 1 << 20
DEVICE = os.environ.get("BLOCK_DEVICE", "host")
SIZE = int(os.environ.get("BLOCK_MIB", "64")) * MIB
CONTEXT = int(os.environ.get("BLOCK_CONTEXT_MIB", "64")) * MIB
FOREVER = 3600
NEED = Memory(peak=SIZE + CONTEXT, context=CONTEXT)


def allocate(size: int) -> Any:
    """A block of ones: every page of it is really there."""
    if DEVICE == "cuda":
        import torch

        return torch.ones(size, dtype=torch.uint8, device="cuda")
    import numpy as np

    return np.ones(size, dtype=np.uint8)


class Block(Engine):
    name = "block"
    stage = Stage.SPEECH
    version = "1"
    summary = "Holds a block of memory."
    host = NEED if DEVICE == "host" else Memory(0)
    gpu = None if DEVICE == "host" else NEED

    kept: Any = None  # a liar's block, where dropping the engine does not reach it

    def __init__(self) -> None:
        self._block: Any = None
        self._next_release = ""

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        assert isinstance(task.params, SpeechParams)
        if self._block is None:
            self._block = allocate(SIZE)
        context.progress("holding", 0, 1)
        behaviour = task.params.language
        if behaviour in ("kill", "stop"):
            os.kill(os.getpid(), signal.SIGKILL if behaviour == "kill" else signal.SIGSTOP)
            time.sleep(FOREVER)
        while behaviour == "wait":
            time.sleep(0.005)
            context.progress("waiting", 0, 1)
        if behaviour == "deaf":
            time.sleep(FOREVER)
        self._next_release = behaviour
        return SpeechOutcome(24000, int(self._block[-1]), 1, voice=str(os.getpid()))

    def offload(self) -> None:
        self._let_go()

    def unload(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        if self._next_release == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._next_release == "mute":
            time.sleep(FOREVER)
        if self._next_release == "lie":
            Block.kept = self._block
        self._block = None
        self._next_release = ""


ENGINES = [Block]

if __name__ == "__main__":
    worker.main(os.environ["BLOCK_WORKER"], "__main__")
