"""Faces from latents and contexts: one step of the UNet, then the decoder, a batch at a time.

    latents (b, 8, 32, 32) ─────────────────────┐
    contexts (b, 50, 384) ── + position ──> UNet ── latents (b, 4, 32, 32) ──> decoder ──> faces

On a GPU the launches of a whole batch are recorded once as a CUDA graph, and played back.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch

from lipsync_worker.arrays import Picture
from lipsync_worker.musetalk.graphs import Graphs
from lipsync_worker.musetalk.model import CONTEXT_SHAPE, LATENT_SCALE, Network
from lipsync_worker.rendering import Renderer, as_pixels

__all__ = ["SIDE", "Generator", "positions"]

SIDE: Final = 256
"""Pixels of a face, both ways."""


def positions() -> torch.Tensor:
    """What tells the UNet the order of a context's features, (50, 384): sinusoids (Vaswani et al. 2017)."""
    length, width = CONTEXT_SHAPE
    rates = torch.exp(torch.arange(0, width, 2) * (-np.log(10_000.0) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([torch.sin(angles), torch.cos(angles)], dim=-1).reshape(length, width)


class Generator(Renderer):
    """MuseTalk at work on one task: a `Dubber`."""

    side = SIDE

    def __init__(self, network: Network, *, batch: int, seed: int | None = None) -> None:
        """With a `seed` latents are drawn from what the VAE holds possible, as published; else its best guess
        is taken.
        """
        super().__init__(network.device, network.dtype, batch)
        self.network = network
        self._dice = None if seed is None else torch.Generator(network.device).manual_seed(seed)
        self._positions = positions().to(network.device, network.dtype)
        self._graphs = Graphs(self.make) if network.device.type == "cuda" else None

    @property
    def is_drawing(self) -> bool:
        """Whether latents are drawn by chance."""
        return self._dice is not None

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

    def compute(self, references: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
        """Faces (b, 256, 256, 3) of latents (b, 8, 32, 32) and contexts (b, 50, 384)."""
        return (self._graphs or self.make)(references, contexts)

    def give_back(self) -> None:
        """Let go of recordings too."""
        if self._graphs is not None:
            self._graphs.drop()
        super().give_back()

    @torch.inference_mode()
    def make(self, latents: torch.Tensor, sounds: torch.Tensor) -> torch.Tensor:
        """As `compute`, kernel by kernel."""
        return as_pixels(self.decode(self.predict(latents, sounds)).flip(1))

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
