"""Latents to sound, in pieces that join without a seam: they are the very samples of the whole.

    latents ──stretched to 94 frames/s──> frames ──window with context──> HiFi-GAN ──> samples
                                                    done-CONTEXT .. ready+CONTEXT

Upstream decodes everything again for each piece and cross-fades; the cost of that grows with the square of
the length, and the tail is lost. A convolutional net looks only so far: with that much context on both
sides of the window, what is in the middle is what it would be in the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tts_worker.chunk import Samples

__all__ = ["CONTEXT", "Decoder"]

CONTEXT = 24
"""Frames that the net looks to either side, with a margin; measured by changing one frame: 14."""

UNSETTLED = 16
"""Frames at the end that later latents may still change, as they are interpolated, at any speed."""

HOP = 256
"""Samples of one frame."""


class Decoder:
    """HiFi-GAN with one voice. `speed` shortens the speech by stretching latents, as upstream does."""

    def __init__(self, model: Any, embedding: torch.Tensor, speed: float = 1.0) -> None:
        self._decoder = model.hifigan_decoder
        self._device = next(self._decoder.parameters()).device
        self._embedding = embedding.to(self._device)
        self._length_scale = 1.0 / speed

    @torch.inference_mode()
    def whole(self, latents: list[torch.Tensor]) -> Samples:
        """The sound of a finished chain of latents, each (1, width)."""
        return self._window(self._frames(latents), 0, None)

    @torch.inference_mode()
    def pieces(self, latents: Iterable[torch.Tensor], size: int) -> Iterator[Samples]:
        """The same sound as the latents come, a piece for every `size` of them and one for the rest."""
        known: list[torch.Tensor] = []
        done = 0
        for latent in latents:
            known.append(latent)
            if len(known) % size:
                continue
            frames = self._frames(known)
            ready = frames.shape[-1] - UNSETTLED - CONTEXT
            if ready > done:
                yield self._window(frames, done, ready)
                done = ready
        if known:
            frames = self._frames(known)
            if frames.shape[-1] > done:
                yield self._window(frames, done, None)

    def _frames(self, latents: list[torch.Tensor]) -> torch.Tensor:
        """Latents as the net's input, (1, width, frames): upstream's `HifiDecoder.forward` up to the net."""
        chain = torch.cat(latents)[None].transpose(1, 2).to(self._device)
        decoder = self._decoder
        factors = [decoder.ar_mel_length_compression / decoder.output_hop_length]
        if self._length_scale != 1.0:
            factors.insert(0, self._length_scale)
        if decoder.output_sample_rate != decoder.input_sample_rate:
            factors.append(decoder.output_sample_rate / decoder.input_sample_rate)
        for factor in factors:
            if chain.shape[-1] * factor < 1:  # too short to be heard at this speed
                return chain[..., :0]
            chain = functional.interpolate(chain, scale_factor=factor, mode="linear")
        return chain

    def _window(self, frames: torch.Tensor, first: int, last: int | None) -> Samples:
        """The samples of the frames from `first` to `last` (None: the end), computed with their context."""
        if not frames.shape[-1]:
            return np.zeros(0, np.float32)
        before = min(first, CONTEXT)
        after = None if last is None else last + CONTEXT
        sound = self._decoder.waveform_decoder(frames[..., first - before : after], g=self._embedding)
        end = None if last is None else (before + last - first) * HOP
        samples: Samples = sound.squeeze().cpu().numpy()[before * HOP : end].astype(np.float32)
        return samples
