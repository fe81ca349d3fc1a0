"""What the lips follow: contexts from the sound, one a frame, and none of them moving in silence.

voice ── blocks of sound ──> ears ── contexts ──┐
                       └───> gate ── weights ───┴──> contexts, drawn towards that of silence
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np

from lipsync_worker.arrays import Floats
from lipsync_worker.gate import SilenceGate
from lipsync_worker.recording import ANALYSIS_RATE

__all__ = ["BLOCK", "Ears", "frames_in", "hear"]

BLOCK = 64
"""Most contexts handed on at once."""


class Ears(Protocol):
    """Turn sound (mono, `ANALYSIS_RATE`) into contexts, each what a network hears around one frame."""

    @property
    def silent(self) -> Floats:
        """The context of silence."""

    def push(self, samples: Floats) -> Iterator[Floats]:
        """Take more sound; the contexts (n, ...) that it completes, a block at a time."""

    def finish(self, frames: int) -> Iterator[Floats]:
        """The sound is over: what is missing to so many contexts in all."""


def frames_in(samples: int, rate: Fraction) -> int:
    """Frames that show so many samples at `ANALYSIS_RATE`, but for a thousandth of one."""
    return max(math.ceil(Fraction(samples, ANALYSIS_RATE) * rate - Fraction(1, 1000)), 1)


def hear(
    sound: Iterable[Floats | None], ears: Ears, gate: SilenceGate | None, rate: Fraction
) -> Iterator[Floats | None]:
    """Contexts of all frames, in blocks. None comes through where the sound says that none has come yet."""
    # Where nothing is drawn towards silence, nobody need know how it sounds.
    merger = _Merger(np.zeros(0, np.float32) if gate is None else ears.silent)
    samples = 0
    for block in sound:
        if block is None:
            yield None
            continue
        samples += len(block)
        for contexts in ears.push(block):
            merger.contexts(contexts)
            if gate is None:
                yield from merger.ready()
        if gate is not None:
            merger.weights(gate.push(block))
            yield from merger.ready()
    frames = frames_in(samples, rate)
    if gate is not None:
        merger.weights(gate.finish(frames))
        yield from merger.ready()
    for contexts in ears.finish(frames):
        merger.contexts(contexts)
        yield from merger.ready()


class _Merger:
    """Pairs contexts with the gate's weights, whichever comes first. Without weights each passes as it is."""

    def __init__(self, silent: Floats) -> None:
        self._silent = silent
        self._contexts: list[Floats] = []
        self._weights: Floats | None = None

    def contexts(self, block: Floats) -> None:
        self._contexts.append(block)

    def weights(self, weights: Floats) -> None:
        self._weights = weights if self._weights is None else np.concatenate([self._weights, weights])

    def ready(self) -> Iterator[Floats]:
        while self._contexts:
            block = self._contexts[0]
            if self._weights is None:
                yield self._contexts.pop(0)
                continue
            count = min(len(block), len(self._weights))
            if not count:
                return
            yield self._drawn(block[:count], self._weights[:count])
            self._weights = self._weights[count:]
            self._contexts[0] = block[count:]
            if not len(self._contexts[0]):
                self._contexts.pop(0)

    def _drawn(self, block: Floats, weights: Floats) -> Floats:
        if not weights.any():
            return block
        share = weights.reshape(-1, *[1] * (block.ndim - 1)).astype(np.float32)
        return np.asarray(block + share * (self._silent - block), np.float32)
