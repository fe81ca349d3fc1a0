"""Faces from latents and contexts: one step of the UNet, then the decoder, a batch at a time.

    host:    contexts ── pinned ──> ║                                    ║ ── pinned ──> faces, uint8
    device:                         ║ + position ─ UNet ─ decode ─ uint8 ║

On a GPU nothing here waits: a batch is queued, and who wants its faces waits for them (`Faces.pictures`)
while the next one is on its way. The launches of a whole batch are recorded once as a CUDA graph, and played
back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.musetalk.graphs import Graphs
from lipsync_worker.musetalk.model import CONTEXT_SHAPE, LATENT_SCALE, Network

__all__ = ["SIDE", "Faces", "Generator", "positions"]

SIDE: Final = 256
"""Pixels of a face, both ways."""

log = logging.getLogger("engine.musetalk")


def positions() -> torch.Tensor:
    """What tells the UNet the order of a context's features, (50, 384): sinusoids (Vaswani et al. 2017)."""
    length, width = CONTEXT_SHAPE
    rates = torch.exp(torch.arange(0, width, 2) * (-np.log(10_000.0) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([torch.sin(angles), torch.cos(angles)], dim=-1).reshape(length, width)


class Faces:
    """A batch of faces that is being made."""

    def __init__(self, made: torch.Tensor, count: int) -> None:
        """`made` (b, 256, 256, 3) uint8, of which the first `count` are wanted."""
        self._event: torch.cuda.Event | None = None
        if made.is_cuda:
            host = torch.empty(made[:count].shape, dtype=torch.uint8, pin_memory=True)
            host.copy_(made[:count], non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()
            made = host
        self._made = made[:count]

    def pictures(self) -> NDArray[np.uint8]:
        """The faces (count, 256, 256, 3), BGR. Waits until they are made."""
        if self._event is not None:
            self._event.synchronize()
        return np.asarray(self._made.numpy())


class Generator:
    """MuseTalk at work on one task: a `Dubber`. Halves its batch where memory runs out, and goes on."""

    side = SIDE

    def __init__(self, network: Network, *, batch: int, seed: int | None = None) -> None:
        """With a `seed` latents are drawn from what the VAE holds possible, as published; else its best guess
        is taken.
        """
        self.network = network
        self.batch = batch
        self._dice = None if seed is None else torch.Generator(network.device).manual_seed(seed)
        self._positions = positions().to(network.device, network.dtype)
        self._graphs = Graphs(self._compute) if network.device.type == "cuda" else None

    @torch.inference_mode()
    def refer(self, crop: Picture) -> torch.Tensor:
        """The latents (8, 32, 32) of a face (256, 256, 3): with its lower half hidden, then of the whole."""
        device, dtype = self.network.device, self.network.dtype
        rgb = torch.from_numpy(np.ascontiguousarray(crop[..., ::-1])).to(device)
        face = (rgb.permute(2, 0, 1)[None].float() / 255).to(dtype)
        hidden = face.clone()
        hidden[:, :, SIDE // 2 :] = 0
        return torch.cat([self._encode(hidden), self._encode(face)], dim=1)[0]

    def _encode(self, face: torch.Tensor) -> torch.Tensor:
        picture = ((face - 0.5) / 0.5).contiguous(memory_format=self.network.layout)
        found = self.network.vae.encode(picture).latent_dist
        latents = found.mode() if self._dice is None else found.sample(self._dice)
        return latents * LATENT_SCALE  # type: ignore[no-any-return]

    def render(self, references: Sequence[torch.Tensor], contexts: Floats) -> list[Faces]:
        """Faces of references (8, 32, 32) that say contexts (n, 50, 384); in parts where memory is short."""
        made: list[Faces] = []
        done = 0
        while done < len(contexts):
            part = slice(done, min(done + self.batch, len(contexts)))
            try:
                made.append(self._queue(references[part], contexts[part]))
            except torch.OutOfMemoryError:
                if self.batch == 1:
                    raise
                self.batch //= 2
                log.warning("The GPU is short of memory: %d faces at a time from now on.", self.batch)
                self._give_back()
                continue
            done = part.stop
        return made

    def _queue(self, references: Sequence[torch.Tensor], contexts: Floats) -> Faces:
        device, dtype = self.network.device, self.network.dtype
        heard = torch.from_numpy(np.ascontiguousarray(contexts))
        if device.type == "cuda":
            heard = heard.pin_memory()
        count = len(contexts)
        with torch.inference_mode():
            latents = torch.stack(list(references))
            sounds = heard.to(device, non_blocking=True).to(dtype)
            compute = self._graphs or self._compute
            return Faces(compute(latents, sounds), count)

    @torch.inference_mode()
    def _compute(self, latents: torch.Tensor, sounds: torch.Tensor) -> torch.Tensor:
        """Faces (b, 256, 256, 3) uint8, BGR, of latents (b, 8, 32, 32) and contexts (b, 50, 384)."""
        decoded = self.decode(self.predict(latents, sounds))
        return (decoded.float() * 255).round().to(torch.uint8).flip(1).permute(0, 2, 3, 1).contiguous()

    @torch.inference_mode()
    def predict(self, latents: torch.Tensor, sounds: torch.Tensor) -> torch.Tensor:
        """What the UNet makes of them, (b, 4, 32, 32): the latents of faces that say these sounds."""
        given = latents.contiguous(memory_format=self.network.layout)
        still = torch.zeros(1, device=latents.device, dtype=torch.long)
        heard = sounds + self._positions
        return self.network.unet(given, still, encoder_hidden_states=heard).sample  # type: ignore[no-any-return]

    @torch.inference_mode()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Faces (b, 3, 256, 256), RGB, 0 to 1."""
        decoded: Any = self.network.vae.decode(latents / LATENT_SCALE).sample
        return (decoded / 2 + 0.5).clamp(0, 1)  # type: ignore[no-any-return]

    def _give_back(self) -> None:
        if self._graphs is not None:
            self._graphs.drop()
        if self.network.device.type == "cuda":
            torch.cuda.empty_cache()
