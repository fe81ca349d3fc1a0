"""Which language a script is in, and whether an engine speaks it.

script ──its letters──> Japanese, Korean, Chinese, Hindi, Arabic, Russian
          └─Latin──> py3langid, among the languages that voices here speak
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from shared_schema.errors import LanguageUnknown
from tts_worker.text import OTHER_SCRIPTS

__all__ = ["AUTO", "detect", "resolve"]

AUTO = "auto"

READ_BYTES = 20_000
"""How much of a script is looked at: some pages."""

ALPHABETS = frozenset({"LATIN", "CYRILLIC", "ARABIC"})

LATIN = ("cs", "de", "en", "es", "fr", "hu", "it", "nl", "pl", "pt", "tr")
"""Languages in Latin letters that some voice here speaks. Of others the nearest of these is taken."""

_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "DEVANAGARI": "hi",
    "ARABIC": "ar",
    "CYRILLIC": "ru",
    "CJK": "zh-cn",
}
"""Languages by the first word of their letters' Unicode names; Japanese before Chinese, which it holds."""


def detect(script: Path) -> str:
    """The BCP 47 tag of the language that most of a UTF-8 script is in; "en" where it has no letter.

    Whole sentences are recognised surely, single words are guessed: "Hallo." may be German or Dutch.
    """
    text = _beginning(script)
    return _by_letters(text) or _by_words(text)


def _beginning(script: Path) -> str:
    with script.open("rb") as file:
        return file.read(READ_BYTES).decode("utf-8", errors="ignore")


def _by_letters(text: str) -> str:
    """The language that the letters of a text tell; empty where most are Latin, which many share."""
    letters = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in filter(str.isalpha, text))
    kana = letters["HIRAGANA"] + letters["KATAKANA"]
    if kana > 0.1 * letters["CJK"]:
        letters["HIRAGANA"] += letters.pop("CJK", 0)
    if not letters:
        return "en"
    # A syllable weighs as much as three letters: "Hello" in a Japanese sentence is one word.
    most = max([*_SCRIPTS, "LATIN"], key=lambda name: letters[name] * (1 if name in ALPHABETS else 3))
    return _SCRIPTS.get(most, "")


def _by_words(text: str) -> str:
    """The language among `LATIN` that a text in Latin letters is most likely in."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - takes a moment

    # Takes half a second to read and 77 MB while it is there, so it goes at once: one run asks it once.
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(LATIN))
    return str(identifier.classify(text)[0])


def resolve(language: str, script: Path, languages: Sequence[str], engine: str) -> str:
    """The tag among `languages` to speak a script in: the one asked for, or found out for "auto".

    A region that is not listed is its plain language's, where that is listed without regions. LanguageUnknown
    where the engine does not speak it, or where the script is plainly written in other letters.
    """
    wanted = language.lower().replace("_", "-")
    detected = detect(script) if wanted == AUTO else ""
    found = _listed(detected or wanted, languages)
    if found is None:
        seen = f"The text seems to be in {detected!r}. " if detected else ""
        raise LanguageUnknown(
            f"{seen}{engine} does not speak {(detected or language)!r}; it speaks {', '.join(languages)}.",
            "Choose one of these with --language.",
        )
    if not detected:
        _check_letters(found, script)
    return found


def _listed(tag: str, languages: Sequence[str]) -> str | None:
    """The entry of `languages` that stands for a tag."""
    by_tag = {entry.lower(): entry for entry in languages}
    base = tag.partition("-")[0]
    of_base = [entry for entry in by_tag if entry.partition("-")[0] == base]
    if tag in by_tag:
        return by_tag[tag]
    if of_base == [base] or (base == "zh" and of_base):
        return by_tag[of_base[0]]
    return None


def _check_letters(language: str, script: Path) -> None:
    """LanguageUnknown where a script is mostly in letters that the language is not written in."""
    detected = _by_letters(_beginning(script)).partition("-")[0]
    base = language.partition("-")[0]
    if detected in OTHER_SCRIPTS and detected != base and {detected, base} != {"zh", "ja"}:
        raise LanguageUnknown(
            f"Most of the text is in the letters of another language ({detected}) than {language!r}.",
            f"Give --language {detected}, or --language auto.",
        )
