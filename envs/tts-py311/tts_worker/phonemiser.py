"""hibari's phonemiser: English text to phonemes in misaki's alphabet, which Kokoro reads too."""

from __future__ import annotations

import functools

from hibari.g2p import G2P

from shared_schema.errors import TextError

__all__ = ["Phonemiser", "shared"]


class Phonemiser:
    """American English, or British; its word lists and its guesser of unknown words take 100 MB."""

    def __init__(self, *, british: bool = False) -> None:
        self._phonemise = G2P(british=british)

    def __call__(self, sentence: str) -> str:
        """The sentence's phonemes, with stresses and stops; empty where nothing in it has a sound.

        TextError where it cannot be read.
        """
        try:
            return str(self._phonemise(sentence))
        except (IndexError, KeyError, ValueError) as error:
            # hibari 0.2.1 raises these on numbers that it has no words for.
            raise TextError(
                f"This cannot be read aloud: {sentence[:60]!r}.", "Write its numbers and signs as words."
            ) from error


@functools.cache
def shared(*, british: bool = False) -> Phonemiser:
    """The one that all parts of a process use that do not free it."""
    return Phonemiser(british=british)
