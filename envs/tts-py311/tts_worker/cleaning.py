"""Cleans a script of what has no sound: control characters, emoji, link targets, fancy letters."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean"]

_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_DOTS = re.compile(r"\.{3,}")
_LONG_NUMBER = re.compile(r"\d[\d,]{15,}")
_SPACES = re.compile(r"[^\S\n]+")

_AS_THEY_ARE = frozenset("\n…‘’“”°£€¥₹₩¢±×÷§¶©→½¼¾²³µ")
"""Signs beyond ASCII that phonemisers have words or pauses for."""

_REPLACED = {
    **dict.fromkeys("\t\v\f\x85", " "),
    **dict.fromkeys("\u2028\u2029", "\n"),
    **dict.fromkeys("´ʹʼ＇", "'"),
}
"""Characters whose plain form NFKC does not know."""

_VARIATIONS = frozenset(map(chr, range(0xFE00, 0xFE10)))
"""Variation selectors, which choose between the black and the coloured form of an emoji."""

_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Me"})
_SYMBOL_CATEGORIES = frozenset({"So", "Sk", "Sm", "Sc"})


def clean(text: str) -> str:
    """The text without what has no sound or harms: control and format characters, emoji, link targets.

    Look-alikes (𝗯𝗼𝗹𝗱, ﬁ, ①, full-width forms) become the letters and digits that a phonemiser knows
    (Unicode NFKC). Digits beyond fifteen in a row are read one by one.
    """
    kept = "".join(map(_kept, text.replace("\r\n", "\n").replace("\r", "\n")))
    kept = unicodedata.normalize("NFC", kept)
    kept = _DOTS.sub("…", _LINK.sub(r"\1", kept))
    kept = _LONG_NUMBER.sub(lambda number: " ".join(number[0].replace(",", "")), kept)
    return _SPACES.sub(" ", kept)


def _kept(character: str) -> str:
    """What stays of a character: itself, its plain form, a blank in its place, or nothing."""
    if (character.isascii() and character.isprintable()) or character in _AS_THEY_ARE:
        return character
    if character in _REPLACED:
        return _REPLACED[character]
    category = unicodedata.category(character)
    if category[0] == "Z" or category in _SYMBOL_CATEGORIES:
        return " "
    if category in _DROPPED_CATEGORIES or character in _VARIATIONS:
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    return unicodedata.normalize("NFKC", character)
