"""The phonemes that the engines' phonemisers write, and their IPA, which is what `timings.jsonl` holds.

misaki's alphabet (which Kokoro, and hibari after it, read) has one character for a diphthong or an
affricate and marks stress before the vowel. The timings file holds plain IPA without stress, so that
what comes after need not know which engine spoke.
"""

from __future__ import annotations

__all__ = ["IPA", "PHONEMES", "STRESSES", "VOWELS", "chunks"]

IPA: dict[str, str] = {
    # diphthongs, one character each in misaki
    "A": "eɪ",  # day
    "I": "aɪ",  # my
    "O": "oʊ",  # go
    "W": "aʊ",  # now
    "Y": "ɔɪ",  # boy
    # vowels
    "i": "i",  # see
    "u": "u",  # too
    "ɑ": "ɑ",  # father
    "a": "a",  # only in words that no lexicon knows
    "æ": "æ",  # cat
    "ɛ": "ɛ",  # bed
    "ɪ": "ɪ",  # sit
    "ʊ": "ʊ",  # book
    "ʌ": "ʌ",  # cup
    "ɔ": "ɔ",  # saw
    "ɜ": "ɜ",  # bird (followed by ɹ)
    "ə": "ə",  # about
    "ᵊ": "ə",  # the faint vowel of "little"
    "ɐ": "ɐ",  # the article "a"
    "ᵻ": "ɪ",  # between ə and ɪ: "roses"
    # affricates
    "ʤ": "dʒ",  # jump
    "ʧ": "tʃ",  # chin
    # consonants
    "b": "b",
    "d": "d",
    "f": "f",
    "ɡ": "ɡ",
    "h": "h",
    "j": "j",  # yes
    "k": "k",
    "l": "l",
    "m": "m",
    "n": "n",
    "ŋ": "ŋ",  # sing
    "p": "p",
    "ɹ": "ɹ",  # red
    "s": "s",
    "ʃ": "ʃ",  # ship
    "t": "t",
    "T": "ɾ",  # the flapped t of "water"
    "θ": "θ",  # thin
    "ð": "ð",  # then
    "v": "v",
    "w": "w",
    "y": "y",  # only in words that no lexicon knows
    "z": "z",
    "ʒ": "ʒ",  # vision
}
"""IPA by misaki symbol: all that hibari's American lexicons, rules and word guesser write."""

PHONEMES: tuple[str, ...] = tuple(sorted(set(IPA.values())))
"""Every symbol that can stand in a `timings.jsonl` of this worker."""

VOWELS = frozenset("AIOWYiuɑaæɛɪʊʌɔɜəᵊɐᵻy")
"""The misaki symbols that are vowels."""

STRESSES = frozenset("ˈˌ")
"""Stress marks; in misaki they stand before the stressed vowel."""

_CLAUSE_ENDS = frozenset(",;:—…")


def chunks(phonemes: str, limit: int) -> list[str]:
    """A sentence's phonemes in parts of at most `limit` characters, cut behind clauses, else words."""
    parts = []
    while len(phonemes) > limit:
        head = phonemes[: limit + 1]
        spaces = [index for index, symbol in enumerate(head) if symbol == " " and index > 0]
        clauses = [index for index in spaces if head[index - 1] in _CLAUSE_ENDS and index > limit // 4]
        cut = clauses[-1] if clauses else spaces[-1] if spaces else limit
        parts.append(phonemes[:cut].strip())
        phonemes = phonemes[cut:].strip()
    return [part for part in (*parts, phonemes) if part]
