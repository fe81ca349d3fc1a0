"""Tells a person from the background. The one module that knows MediaPipe's selfie segmentation (0.10.21)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared_schema.errors import EngineUnavailable
from vision_worker.images import Pixels
from vision_worker.native_log import start_up_chatter_to_log
from vision_worker.networks import load_mediapipe

__all__ = ["INPUT", "Mask", "Segmenter"]

Mask = NDArray[np.float32]
"""How much of each pixel is the person, 0 to 1, shape (H, W)."""

INPUT: Final = 256
"""Side of the square that the network looks at, in pixels."""


class Segmenter:
    """MediaPipe's network, which starts with the first picture: most portraits keep their background."""

    def __init__(self) -> None:
        self._network: Any = None

    def close(self) -> None:
        """Free the network."""
        if self._network is not None:
            self._network.close()
            self._network = None

    def look(self, square: Pixels) -> Mask:
        """The person in a picture of shape (256, 256, 3): a mask of the same size, soft at its edges."""
        if self._network is None:
            with start_up_chatter_to_log():
                self._network = _network()
                self._network.process(square)  # a network chatters with its first picture
        return np.asarray(self._network.process(square).segmentation_mask, np.float32)


def _network() -> Any:
    solutions = getattr(load_mediapipe(), "solutions", None)
    if solutions is None:
        raise EngineUnavailable(
            "The installed mediapipe does not carry its network that tells people from the background.",
            "Choose `--background keep`, or run `avatar envs sync vision`.",
        )
    return solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)  # the one for square pictures
