"""When a generation has gone wrong, and what then: it is repeated with another seed, at most three times.

Language models of speech now and then say nothing, or do not stop. Both show in the length: nobody speaks
fifty letters a second, and nobody needs a second for four. And now and then they fall silent.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator

import numpy as np

from shared_schema.errors import EngineFailed
from tts_worker.chunk import Samples

__all__ = ["ATTEMPTS", "Bounds", "is_silent", "seed_of", "sound"]

ATTEMPTS = 3

AUDIBLE = 10 ** (-50 / 20)
"""Sound that nowhere exceeds -50 dB of full scale is silence."""

DENSE = frozenset({"zh", "ja", "ko"})
"""Languages whose characters stand for syllables."""


class Bounds:
    """The fewest and most seconds that a sentence can take to say.

    Fast speech has 20 letters a second, slow speech 8, and 1.5 to 8 syllables; half and twice that, and
    for short sentences two seconds more, are certainly wrong.
    """

    def __init__(self, text: str, language: str) -> None:
        count = sum(character.isalnum() for character in text)
        # A digit is a word when it is spoken.
        count += 5 * sum(character.isdigit() for character in text)
        dense = language.partition("-")[0] in DENSE
        self.least = count / (16 if dense else 50)
        self.most = 2 + count / (0.75 if dense else 4)

    def fault(self, seconds: float, *, ended: bool) -> str:
        """What is wrong with a generation of so many seconds, in words; "" for nothing."""
        if not ended:
            return f"it did not come to an end in {seconds:.1f} s"
        return f"it was over in {seconds:.1f} s" if seconds < self.least else ""


def seed_of(seed: int, index: int, attempt: int) -> int:
    """A seed for one attempt at one sentence, so that no sentence depends on another: 63 bits."""
    digest = hashlib.sha256(f"{seed} {index} {attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def sound(
    attempt: Callable[[int], tuple[Iterator[Samples], Callable[[], str]]], what: str, log: logging.Logger
) -> Iterator[Samples]:
    """The pieces of the first attempt that went well; `attempt(number)` counts from 0.

    An attempt gives its pieces, and what says in words what went wrong with it by now ("" for nothing);
    silence is found here. It can be given up until its first audible piece is handed on, so give whole
    sentences in one piece where nobody waits. EngineFailed where even the last was silent.
    """
    for number in range(1, ATTEMPTS + 1):
        pieces, fault_by_now = attempt(number - 1)
        first = _to_first_sound(pieces)
        fault = fault_by_now() or ("it is silent" if is_silent(first) else "")
        if fault:
            log.warning("Attempt %d of %d at %r went wrong: %s.", number, ATTEMPTS, what, fault)
        if not fault or (number == ATTEMPTS and not is_silent(first)):
            break
    else:
        raise EngineFailed(
            f"The voice stayed silent, {ATTEMPTS} times, at: {what}",
            "Word it differently, or give another --seed.",
        )
    yield first
    yield from pieces
    if not fault and (fault := fault_by_now()):
        log.warning("The sound of %r was handed on before it went wrong: %s.", what, fault)


def _to_first_sound(pieces: Iterator[Samples]) -> Samples:
    """The pieces up to the first that can be heard, as one; all where none can."""
    held = [np.zeros(0, np.float32)]
    for piece in pieces:
        held.append(piece)
        if not is_silent(piece):
            break
    return np.concatenate(held)


def is_silent(samples: Samples) -> bool:
    """Whether nothing in it can be heard."""
    return float(np.abs(samples).max(initial=0.0)) < AUDIBLE
