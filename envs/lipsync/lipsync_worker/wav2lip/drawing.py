"""Faces drawn by Wav2Lip: what it is shown of a face, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from lipsync_worker.arrays import Picture
from lipsync_worker.rendering import Renderer, as_pixels
from lipsync_worker.wav2lip.model import Network

__all__ = ["Drawer", "Shown"]


class Drawer(Renderer):
    """Wav2Lip at work on one task: a `Dubber`."""

    def __init__(self, network: Network, *, batch: int) -> None:
        parameter = next(network.model.parameters())
        super().__init__(parameter.device, parameter.dtype, batch)
        self._network = network
        self.side = network.side

    def refer(self, crop: Picture) -> torch.Tensor:
        """A face (side, side, 3), BGR, as it is shown, (6, side, side): its lower half hidden, then whole."""
        whole = torch.from_numpy(np.ascontiguousarray(crop)).to(self.device).permute(2, 0, 1)
        face = (whole.float() / 255).to(self.dtype)
        hidden = face.clone()
        hidden[:, self.side // 2 :] = 0
        return torch.cat([hidden, face])

    @torch.inference_mode()
    def compute(self, references: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
        """Faces (b, side, side, 3) of what it is shown (b, 6, side, side) and windows (b, 80, 16)."""
        return as_pixels(self._network.render(references, contexts[:, None]))


class Shown:
    """What Wav2Lip is shown of the shot before: made anew where another follows. A `References`."""

    def __init__(self) -> None:
        self._last: tuple[int, torch.Tensor] | None = None

    def of(self, key: int, look: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The face of a shot. To make one costs less than to keep many: it is only resized."""
        if self._last is None or self._last[0] != key:
            self._last = (key, look())
        return self._last[1]
