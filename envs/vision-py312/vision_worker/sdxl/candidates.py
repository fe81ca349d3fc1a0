"""Draws until there are enough portraits that can be lip-synced: one seed after the other, each looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from shared_schema.engine import Context
from shared_schema.errors import FaceError
from shared_schema.stages import Drawn
from vision_worker.images import Pixels
from vision_worker.portrait import Framed

__all__ = ["THUMBNAIL", "Candidate", "Judged", "draw_until_fit"]

THUMBNAIL: Final = 256
"""Longer side of what is kept of each picture for the contact sheet, in pixels."""

MAX_SEED: Final = 2**63
"""Seeds are below this, and begin again at 0."""

MOST_TOLD: Final = 3
"""Seeds whose faults an error tells, one after the other."""


@dataclass(frozen=True)
class Judged:
    """A picture looked at: its score (0 to 100), its faults in sentences, its portrait if it has none."""

    score: float
    faults: list[str]
    framed: Framed | None
    advice: list[str]


@dataclass(frozen=True)
class Candidate:
    """One seed's picture. `thumbnail` is (h, w, 3), its longer side `THUMBNAIL`."""

    seed: int
    judged: Judged
    thumbnail: Pixels

    @property
    def fit(self) -> bool:
        """Whether it can be lip-synced."""
        return self.judged.framed is not None

    @property
    def drawn(self) -> Drawn:
        """What the outcome tells of it."""
        return Drawn(self.seed, round(self.judged.score, 1), self.judged.faults)


def draw_until_fit(
    draw: Callable[[int, str], Pixels],
    judge: Callable[[Pixels], Judged],
    context: Context,
    *,
    first: int,
    count: int,
    tries: int,
) -> list[Candidate]:
    """`count` fit pictures, the best first, then those that were not fit in the order they were drawn.

    `draw(seed, phase)` makes one, `judge` looks at it. At most `count` times `tries` are drawn, from the seed
    `first` on; where fewer are fit, fewer are given. FaceError, with the faults, where none is.
    """
    fit: list[Candidate] = []
    unfit: list[Candidate] = []
    for number in range(count * tries):
        seed = (first + number) % MAX_SEED
        pixels = draw(seed, f"drawing seed {seed}")
        context.progress("looking at it", 0, 1)
        judged = judge(pixels)
        candidate = Candidate(
            seed, judged, _thumbnail(pixels if judged.framed is None else judged.framed.pixels)
        )
        (fit if candidate.fit else unfit).append(candidate)
        context.log.info("Seed %d: score %.1f. %s", seed, judged.score, " ".join(judged.faults))
        if len(fit) == count:
            break
    if not fit:
        raise _none_fit(unfit)
    return [*sorted(fit, key=lambda one: -one.judged.score), *unfit]


def _none_fit(unfit: list[Candidate]) -> FaceError:
    told = [f"seed {one.seed}: {' '.join(one.judged.faults).rstrip('.')}" for one in unfit[:MOST_TOLD]]
    more = len(unfit) - len(told)
    told += [f"and {more} more"] if more else []
    which = "The picture that was drawn is not" if len(unfit) == 1 else f"None of {len(unfit)} pictures is"
    return FaceError(
        f"{which} fit for lip-sync: {'; '.join(told)}.",
        "Describe one person who looks into the camera, choose another --style, or raise --tries.",
    )


def _thumbnail(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = THUMBNAIL / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
