r"""What Whisper's encoder hears around each frame, from sound that comes piece by piece.

    sound    |---------- window 0: 30 s ----------|
                                  |---------- window 1 ----------|
    heard by |------- 0 --------|\/|------------- 1 ----- ...
                                 fade of 1 s, 2.5 s from either window's end

Whisper takes 30 s at a time, and what it makes of a moment depends on where in them it lies. The published
code sets one window behind the other, so that every 30 s a mouth jumps. Here windows overlap by 6 s, and one
passes into the next. `compat` does as the published code does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import torch

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.hearing import BLOCK
from lipsync_worker.musetalk.model import CONTEXT_SHAPE, Network

__all__ = ["WhisperEars"]

SAMPLES: Final = 320
"""Of a feature, at 16 kHz: Whisper's encoder gives 50 a second."""

WINDOW: Final = 1500
LAYERS: Final = 5
BEFORE, LENGTH = 4, 10
"""A frame hears ten features, from four before its beginning on: 80 ms of the past, 120 of the future."""

HOP: Final = 1200
FADE_BEGIN, FADE_END = 125, 175
"""Features from a window's beginning: there the window before passes into it."""

HOLD: Final = 4
"""Features that must have come behind those in use: what follows a sound changes how it is heard."""

STEP: Final = 16
"""Features that a live voice must have gone on by until it is listened to again: a third of a second."""

PART: Final = 100
"""Features taken at a time: fewer than `FADE_BEGIN`, so that no window is passed over."""


@dataclass(frozen=True)
class _Timing:
    """Which features a frame hears, and which window hears a feature."""

    rate: Fraction
    compat: bool

    @property
    def hop(self) -> int:
        return WINDOW if self.compat else HOP

    @property
    def before(self) -> int:
        return 2 * math.ceil(50 / int(self.rate)) if self.compat else BEFORE

    def first(self, frame: int) -> int:
        """The first feature that a frame hears; negative before the sound."""
        if self.compat:  # in floating point, as published
            return math.floor(frame * (50 / int(self.rate))) - self.before
        return math.floor(frame * 50 / self.rate) - self.before

    def frames(self, samples: int, frames: int) -> int:
        """How many frames there are in all; one at least, where the published code would make no video."""
        return max(math.floor(samples / 16_000 * int(self.rate)), 1) if self.compat else frames

    def share(self, window: int, features: np.ndarray[Any, Any]) -> Floats:
        """How much a window counts for features (numbers from the beginning of the sound), 0 to 1."""
        if self.compat:
            return floats((features >= window * WINDOW) & (features < (window + 1) * WINDOW))
        width = FADE_END - FADE_BEGIN
        enters = (
            np.ones(len(features)) if window == 0 else (features - window * HOP - FADE_BEGIN + 0.5) / width
        )
        leaves = (features - (window + 1) * HOP - FADE_BEGIN + 0.5) / width
        return floats(np.clip(enters, 0, 1) - np.clip(leaves, 0, 1))

    def alone_until(self, window: int) -> int:
        """The feature from which on the window that follows is needed too."""
        return (window + 1) * self.hop + (0 if self.compat else FADE_BEGIN)


class WhisperEars:
    """Contexts (n, 50, 384) float32 of frames. An `Ears`; memory does not grow with the sound."""

    def __init__(self, network: Network, rate: Fraction, *, live: bool = False, compat: bool = False) -> None:
        """`rate` frames a second. With `live` contexts come as soon as they can, else a window at a time."""
        self._network = network
        self._timing = _Timing(rate, compat)
        self._live = live
        self._sound = np.zeros(0, np.float32)
        self._dropped = 0  # samples that are no longer in `_sound`
        self._samples = 0
        self._features = np.zeros((0, LAYERS, CONTEXT_SHAPE[1]), np.float32)
        self._first = 0  # the feature that `_features` begins with
        self._frame = 0
        self._windows: dict[int, Floats] = {}  # what was heard of those that are complete

    @property
    def silent(self) -> Floats:
        """What a frame in a pause hears: in digital silence, between words.

        Whisper's features end 8 below the loudest of their window. Without any voice in it silence would
        sound otherwise than it does in a pause.
        """
        time = np.arange(16_000) / 16_000
        hum = 0.1 * np.sum([np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 20)], axis=0)
        pause = np.zeros(3 * 16_000)
        heard = self._listen(floats(np.concatenate([hum, pause, hum])))
        middle = 50 + 75 - LENGTH // 2
        return heard[middle : middle + LENGTH].reshape(CONTEXT_SHAPE)

    def push(self, samples: Floats) -> Iterator[Floats]:
        """Take more sound; the contexts that it completes, in blocks."""
        for part in np.split(samples, range(SAMPLES * PART, len(samples), SAMPLES * PART)):
            self._sound = np.concatenate([self._sound, part])
            self._samples += len(part)
            settled = self._can_settle()
            if settled > self._settled:
                self._settle(settled)
                yield from self._contexts(until=self._settled)

    def finish(self, frames: int) -> Iterator[Floats]:
        """The sound is over: what is missing to so many contexts in all."""
        self._settle(self._samples // SAMPLES)
        count = self._timing.frames(self._samples, frames)
        end = self._timing.first(max(count - 1, 0)) + LENGTH
        behind = max(end - self._settled, 0)
        self._features = np.concatenate(
            [self._features, np.zeros((behind, *self._features.shape[1:]), np.float32)]
        )
        yield from self._contexts(until=end, most=count)

    @property
    def _settled(self) -> int:
        """The features so far."""
        return self._first + len(self._features)

    def _can_settle(self) -> int:
        """How many features may be settled with the sound that there is."""
        heard = self._samples // SAMPLES
        if self._live:
            limit = heard - HOLD
            return limit if limit - self._settled >= STEP else self._settled
        complete = (heard - WINDOW) // self._timing.hop
        return self._timing.alone_until(complete) if complete >= 0 else 0

    def _settle(self, until: int) -> None:
        """Have the features up to `until` heard, each by its window or by two that share it."""
        while self._settled < until:
            window = self._window_of(self._settled)
            stop = min(until, self._boundary_after(self._settled))
            numbers = np.arange(self._settled, stop)
            heard = np.zeros((len(numbers), *self._features.shape[1:]), np.float32)
            for each in (window, window + 1):
                share = self._timing.share(each, numbers)
                if share.any():
                    first = each * self._timing.hop
                    heard += (
                        share[:, None, None]
                        * self._window(each)[numbers[0] - first : numbers[-1] + 1 - first]
                    )
            self._features = np.concatenate([self._features, heard])
        self._forget()

    def _window_of(self, feature: int) -> int:
        """The first window that counts for a feature."""
        window = max((feature - (0 if self._timing.compat else FADE_END)) // self._timing.hop, 0)
        return window if self._timing.share(window, np.array([feature])).any() else window + 1

    def _boundary_after(self, feature: int) -> int:
        """Where other windows count than for `feature`."""
        hop = self._timing.hop
        offsets = (0,) if self._timing.compat else (FADE_BEGIN, FADE_END)
        bounds = [hop * window + offset for window in range(1, feature // hop + 3) for offset in offsets]
        return min(bound for bound in bounds if bound > feature)

    def _window(self, number: int) -> Floats:
        """What is heard of a window, (1500, 5, 384), with the sound that there is."""
        if number in self._windows:
            return self._windows[number]
        start = number * self._timing.hop * SAMPLES - self._dropped
        sound = self._sound[max(start, 0) : start + WINDOW * SAMPLES]
        heard = self._listen(sound)
        if len(sound) == WINDOW * SAMPLES:
            self._windows[number] = heard
        return heard

    def _listen(self, sound: Floats) -> Floats:
        """All five layers of what Whisper hears, (1500, 5, 384); behind the sound it hears silence."""
        network = self._network
        features = network.extractor(sound, sampling_rate=16_000, return_tensors="pt").input_features
        with torch.inference_mode():
            states = network.whisper(
                features.to(network.device, network.dtype), output_hidden_states=True
            ).hidden_states
            return np.asarray(torch.stack(states, dim=2)[0].float().cpu().numpy())

    def _contexts(self, *, until: int, most: int | None = None) -> Iterator[Floats]:
        """The contexts of frames that hear nothing behind feature `until`."""
        while True:
            rows: list[Floats] = []
            while len(rows) < BLOCK and (most is None or self._frame < most):
                first = self._timing.first(self._frame)
                if first + LENGTH > until:
                    break
                rows.append(self._context(first))
                self._frame += 1
            if not rows:
                return
            yield np.stack(rows)
            self._forget()

    def _context(self, first: int) -> Floats:
        begin = max(first, 0)
        heard = self._features[begin - self._first : first + LENGTH - self._first]
        if begin > first:
            heard = np.concatenate([np.zeros((begin - first, *heard.shape[1:]), np.float32), heard])
        return heard.reshape(CONTEXT_SHAPE)

    def _forget(self) -> None:
        """Drop features and sound that no frame to come needs."""
        drop = min(max(self._timing.first(self._frame) - self._first, 0), len(self._features))
        self._features = self._features[drop:]
        self._first += drop
        needed = self._window_of(self._settled)
        self._windows = {number: heard for number, heard in self._windows.items() if number >= needed}
        start = needed * self._timing.hop * SAMPLES
        drop = min(max(start - self._dropped, 0), len(self._sound))
        self._sound = self._sound[drop:]
        self._dropped += drop
