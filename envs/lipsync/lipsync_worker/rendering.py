"""Faces made by a torch network, batch by batch: what all of them share.

    host:    contexts ── pinned ──> ║         ║ ── pinned ──> faces, uint8
    device:                         ║ compute ║

On a GPU nothing here waits: a batch is queued, and who wants its faces waits for them (`Faces.pictures`)
while the next one is on its way.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats

__all__ = ["Faces", "Renderer", "as_pixels", "usual_format"]

log = logging.getLogger("engine.lipsync")


def usual_format() -> torch.dtype:
    """The format to read weights in: half where there is a GPU to compute in it."""
    return torch.float16 if torch.cuda.is_available() else torch.float32


def as_pixels(faces: torch.Tensor) -> torch.Tensor:
    """Faces (b, 3, s, s), 0 to 1, as (b, s, s, 3) uint8; the order of the channels stays."""
    return (faces.float() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


class Faces:
    """A batch of faces that is being made."""

    def __init__(self, made: torch.Tensor, count: int) -> None:
        """`made` (b, s, s, 3) uint8, of which the first `count` are wanted."""
        self._event: torch.cuda.Event | None = None
        made = made[:count]
        if made.is_cuda:
            host = torch.empty(made.shape, dtype=torch.uint8, pin_memory=True)
            host.copy_(made, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()
            made = host
        self._made = made

    def pictures(self) -> NDArray[np.uint8]:
        """The faces (count, s, s, 3), BGR. Waits until they are made."""
        if self._event is not None:
            self._event.synchronize()
        return np.asarray(self._made.numpy())


class Renderer(ABC):
    """A network at work on one task. Halves its batch where memory runs out, and goes on."""

    def __init__(self, device: torch.device, dtype: torch.dtype, batch: int) -> None:
        self.device = device
        self.dtype = dtype
        self.batch = batch

    @abstractmethod
    def compute(self, references: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
        """Faces (b or more, s, s, 3) uint8, BGR, of references and contexts (b, ...), all on the device."""

    def give_back(self) -> None:
        """Let go of what was kept for speed, and of memory that nothing uses."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def render(self, references: Sequence[torch.Tensor], contexts: Floats) -> list[Faces]:
        """Faces of references (...) that say contexts (n, ...); in smaller parts where memory is short."""
        made: list[Faces] = []
        done = 0
        while done < len(contexts):
            part = slice(done, min(done + self.batch, len(contexts)))
            try:
                made.append(self._queue(references[part], contexts[part]))
            except torch.OutOfMemoryError:
                if self.batch == 1:
                    raise
                self.batch = min(self.batch, part.stop - part.start) // 2 or 1
                log.warning("The GPU is short of memory: %d faces at a time from now on.", self.batch)
            else:
                done = part.stop
                continue
            self.give_back()  # out of the exception's reach, whose frames hold what was allocated
        return made

    def _queue(self, references: Sequence[torch.Tensor], contexts: Floats) -> Faces:
        heard = torch.from_numpy(np.ascontiguousarray(contexts))
        if self.device.type == "cuda":
            heard = heard.pin_memory()
        with torch.inference_mode():
            known = torch.stack(list(references))
            sounds = heard.to(self.device, non_blocking=True).to(self.dtype)
            return Faces(self.compute(known, sounds), len(contexts))
