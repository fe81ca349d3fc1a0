"""When a face blinks: every few seconds, lids down fast and up slower, shut for at least one frame."""

from __future__ import annotations

import random

__all__ = ["Blinks"]

FIRST = (0.9, 2.6)  # seconds
BETWEEN = (2.2, 4.5)
DOWN, SHUT, UP = 0.08, 0.045, 0.14  # seconds; people take 100 to 400 ms in all


class Blinks:
    """The blinks of one video, drawn from its seed as time goes on."""

    def __init__(self, seed: int, period: float) -> None:
        """`period` is the length of a frame in seconds."""
        self._dice = random.Random(seed ^ 0x5EED)  # noqa: S311 - chance for looks, repeatable by seed
        self._shut = max(SHUT, 1.02 * period)
        self._start = self._dice.uniform(*FIRST)

    def closure(self, seconds: float) -> float:
        """How far the lids are down, 0 open to 1 shut. Ask in order of time."""
        while seconds > self._start + DOWN + self._shut + UP:
            self._start += DOWN + self._shut + UP + self._dice.uniform(*BETWEEN)
        since = seconds - self._start
        if since <= 0:
            return 0.0
        if since < DOWN:
            return _ease(since / DOWN)
        return 1.0 if since <= DOWN + self._shut else _ease(1 - (since - DOWN - self._shut) / UP)


def _ease(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)
