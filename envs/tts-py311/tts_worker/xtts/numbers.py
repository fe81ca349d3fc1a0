"""Numbers and money that the package's tokenizer does not put into words, put into words before it sees them.

The tokenizer of TTS 0.22 expands numbers with num2words, language by language. Found by reading a sentence
with money, a decimal and a percentage in all seventeen: Czech money raises NotImplementedError, Turkish money
keeps its sign, Japanese and Hindi numbers stay digits.
"""

from __future__ import annotations

import re

__all__ = ["in_words"]

_MONEY = {
    "cs": {"€": "eur", "$": "dolarů", "£": "liber"},
    "tr": {"€": "avro", "$": "dolar", "£": "sterlin"},
}
_AMOUNT = re.compile(r"([$€£])\s?(\d+(?:[.,]\d+)?)|(\d+(?:[.,]\d+)?)\s?([$€£])")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_HINDI = ["शून्य", "एक", "दो", "तीन", "चार", "पाँच", "छह", "सात", "आठ", "नौ"]
"""num2words has no Hindi: digits are read one by one, "20" as "two zero"."""

_PERCENT = {"ja": "パーセント", "hi": " प्रतिशत"}


def in_words(text: str, language: str) -> str:
    """A sentence as the tokenizer can take it, in a language as XTTS names it ("zh-cn")."""
    if language in _MONEY:
        names = _MONEY[language]
        return _AMOUNT.sub(lambda found: f"{found[2] or found[3]} {names[found[1] or found[4]]}", text)
    if language in _PERCENT:
        spoken = _japanese if language == "ja" else _hindi
        return _NUMBER.sub(lambda found: spoken(found[0]), text.replace("%", _PERCENT[language]))
    return text


def _japanese(number: str) -> str:
    from num2words import num2words  # noqa: PLC0415 - only where it is needed

    return str(num2words(number, lang="ja"))


def _hindi(number: str) -> str:
    return " ".join("दशमलव" if digit == "." else _HINDI[int(digit)] for digit in number)
