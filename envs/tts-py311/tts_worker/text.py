"""A script becomes sentences, read piece by piece so that its length costs no memory.

bytes ──decode──> blocks ──clean──> text ──split──> sentences ──cut──> pieces that a model can take
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from shared_schema.errors import LanguageUnknown, TextError
from shared_schema.limits import MAX_TEXT_BYTES, MIB
from tts_worker.cleaning import clean
from tts_worker.stops import BEFORE_NUMBER, ORDINALS, STARTERS, abbreviations

__all__ = ["MAX_SENTENCE", "Boundary", "Sentence", "Survey", "halved", "sentences", "survey"]

MAX_SENTENCE = 400
"""Most characters of one piece: longer sentences are cut at a clause, else between words."""

BLOCK_BYTES = 16 * 1024
WRAPPED_LINE = 60
"""A line this long that ends without a full stop was broken by an editor, not by its author."""

OTHER_SCRIPTS = frozenset({"ar", "hi", "ja", "ko", "ru", "zh"})
"""Languages that are not written in Latin letters."""

_ACRONYM = re.compile(r"(?:[a-z]\.)+[a-z]")
_WORD = re.compile(r"\W*(\w*)")
_CLOSING = r"\"'”’“»«›‹)\]」』】"
_GAP = re.compile(
    rf"(?P<stop>[.!?…؟۔।॥][.!?…؟۔।॥{_CLOSING}]*(?:\s»)?)?(?P<gap>\s+)(?=\S)"
    # In Chinese and Japanese no space follows a stop.
    rf"|(?P<full>[。｡!?][。｡!?…{_CLOSING}]*)(?=[\u3040-\u30ff\u3400-\u9fff「『（])"
)
_CLAUSE = re.compile(r"[,;:—–،؛]\s+|[、，；：]")


class Boundary(Enum):
    """What ends a piece of text, and so how long the pause behind it is."""

    CLAUSE = "clause"
    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"


class Sentence(NamedTuple):
    """One piece of text to be spoken in one breath, and what ends it."""

    text: str
    boundary: Boundary


class Survey(NamedTuple):
    """How much there is to speak: pieces and their characters."""

    sentences: int
    characters: int


def survey(path: Path, languages: str, *, limit: int = MAX_SENTENCE, language: str = "en") -> Survey:
    """Read a script once to its end, before a word is spoken.

    TextError where it is too large, not UTF-8, empty, or holds nothing that can be spoken;
    LanguageUnknown where a language that is written in Latin letters is asked for and most letters are
    others (`languages` is what the message offers).
    """
    size = path.stat().st_size
    if size > MAX_TEXT_BYTES:
        raise TextError(
            f"The text has {size / MIB:.1f} MiB, more than {MAX_TEXT_BYTES / MIB:.0f} MiB.",
            "Split it into several scripts.",
        )
    count = characters = latin = foreign = 0
    for sentence in sentences(path, limit, language):
        count += 1
        characters += len(sentence.text)
        for letter in filter(str.isalpha, sentence.text):
            if letter.isascii() or unicodedata.name(letter, "").startswith("LATIN"):
                latin += 1
            else:
                foreign += 1
    if not count:
        raise _unspeakable(path)
    if foreign > latin and language.partition("-")[0] not in OTHER_SCRIPTS:
        raise LanguageUnknown(
            f"Most of the text is in a script that this engine cannot read; it speaks {languages}.",
            "Give the text in one of these languages.",
        )
    return Survey(count, characters)


def _unspeakable(path: Path) -> TextError:
    for block in _blocks(path):
        if any(unicodedata.category(character)[0] not in "CZ" for character in block):
            return TextError(
                "The text holds no word or number, only signs that have no sound.",
                "Give at least one word to speak.",
            )
    return TextError("The text is empty.", "Give at least one word to speak.")


def sentences(path: Path, limit: int = MAX_SENTENCE, language: str = "en") -> Iterator[Sentence]:
    """The pieces of a UTF-8 script in order, each at most `limit` characters; `language` is a BCP 47 tag.

    TextError where it is not UTF-8.
    """
    stops = _Stops(language)
    pending = ""
    for block in _blocks(path):
        pending += clean(block)
        start = 0
        for end, following, boundary in _breaks(pending, stops):
            yield from _pieces(pending[start:end], boundary, limit)
            start = following
        pending = pending[start:]
        # A text without an end in sight must not pile up.
        while len(pending) > 2 * limit:
            cut = _cut_position(pending, limit)
            yield from _pieces(pending[:cut], Boundary.CLAUSE, limit)
            pending = pending[cut:]
    yield from _pieces(pending, Boundary.PARAGRAPH, limit)


def _blocks(path: Path) -> Iterator[str]:
    """The decoded file in blocks that end at white space, where a cut harms no character or word."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending = ""
    with path.open("rb") as file:
        while True:
            data = file.read(BLOCK_BYTES)
            try:
                pending += decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise TextError(
                    "The text is not valid UTF-8.", "Save it as UTF-8, or as plain ASCII."
                ) from error
            if not data:
                yield pending
                return
            cut = max(pending.rfind(" "), pending.rfind("\n")) + 1
            if cut == 0 and len(pending) > 4 * BLOCK_BYTES:
                cut = len(pending)
            if cut:
                yield pending[:cut]
                pending = pending[cut:]


def _breaks(text: str, stops: _Stops) -> Iterator[tuple[int, int, Boundary]]:
    """Where sentences end: (end of the sentence, start of the next, what lies between)."""
    for match in _GAP.finditer(text):
        if match["full"]:
            yield match.end(), match.end(), Boundary.SENTENCE
            continue
        newlines = match["gap"].count("\n")
        if newlines > 1:
            yield match.start("gap"), match.end(), Boundary.PARAGRAPH
        elif (newlines and not _is_wrapped(text, match)) or (match["stop"] and stops.is_last(text, match)):
            yield match.start("gap"), match.end(), Boundary.SENTENCE


def _is_wrapped(text: str, match: re.Match[str]) -> bool:
    """Whether this line break was put by an editor, in the middle of a sentence."""
    if match["stop"]:
        return False
    line = match.start("gap") - (text.rfind("\n", 0, match.start("gap")) + 1)
    return text[match.end()].islower() or line >= WRAPPED_LINE


class _Stops:
    """Which stops end a sentence of a language."""

    def __init__(self, language: str) -> None:
        self._never_last = abbreviations(language)
        self._has_ordinals = language.partition("-")[0].lower() in ORDINALS

    def is_last(self, text: str, match: re.Match[str]) -> bool:
        """Whether the stop in `match` ends a sentence; the full stop of "Dr." and of initials does not."""
        following = text[match.end()]
        if following.islower():
            return False
        if match["stop"][0] != "." or "…" in match["stop"]:
            return True
        before = text[max(0, match.start() - 40) : match.start()]
        word = before.rsplit(maxsplit=1)[-1].lstrip("([\"'“‘„«¿¡").lower() if before.strip() else ""
        if word in BEFORE_NUMBER:
            return not following.isdigit()
        if self._has_ordinals and word.isdigit() and len(word) < 3:
            return False
        if _ACRONYM.fullmatch(word) and word not in self._never_last:
            start = _WORD.match(text, match.end())
            return start is not None and start[1].lower() in STARTERS
        is_initial = len(word) == 1 and word.isalpha() and word != "i"
        return word not in self._never_last and not is_initial


def _pieces(text: str, boundary: Boundary, limit: int) -> Iterator[Sentence]:
    """The sentence in pieces that a model can take; nothing where it has no sound."""
    text = " ".join(text.split())
    while len(text) > limit:
        cut = _cut_position(text, limit)
        if _is_speakable(text[:cut]):
            yield Sentence(text[:cut].strip(), Boundary.CLAUSE)
        text = text[cut:].strip()
    if _is_speakable(text):
        yield Sentence(text, boundary)


def _cut_position(text: str, limit: int) -> int:
    """Where to cut text that is too long: behind a clause, else behind a word, else anywhere."""
    head = text[:limit]
    clauses = [match.end() for match in _CLAUSE.finditer(head) if match.end() > limit // 4]
    if clauses:
        return clauses[-1]
    space = head.rfind(" ")
    return space + 1 if space > 0 else limit


def halved(text: str, fits: Callable[[str], bool]) -> list[str]:
    """A text as it is if it fits, else in halves, cut between words where there are any, until each does."""
    if len(text) < 2 or fits(text):
        return [text]
    middle = text.rfind(" ", 0, len(text) // 2 + 1)
    cut = middle if middle > 0 else len(text) // 2
    return [*halved(text[:cut], fits), *halved(text[cut:], fits)]


def _is_speakable(text: str) -> bool:
    return any(character.isalnum() for character in text)
