"""A script becomes sentences, read piece by piece so that its length costs no memory.

bytes ──decode──> blocks ──clean──> text ──split──> sentences ──cut──> pieces that a model can take
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from shared_schema.errors import LanguageUnknown, TextError
from shared_schema.limits import MAX_TEXT_BYTES, MIB
from tts_worker.cleaning import clean

__all__ = ["MAX_SENTENCE", "Boundary", "Sentence", "Survey", "sentences", "survey"]

MAX_SENTENCE = 400
"""Most characters of one piece: longer sentences are cut at a clause, else between words."""

BLOCK_BYTES = 16 * 1024
WRAPPED_LINE = 60
"""A line this long that ends without a full stop was broken by an editor, not by its author."""

NEVER_LAST = frozenset(
    """
    mr mrs ms dr prof st mt ft gen gov sen rep capt lt col sgt cmdr rev hon pres supt cpl maj adm fr msgr
    e.g i.e vs cf viz approx vol fig figs ch pp ed eds al ca
    jan feb mar apr jun jul aug sep sept oct nov dec
    """.split()  # noqa: SIM905 - sixty quoted words would read worse
)
"""Words whose full stop is part of them, in lower case and without it."""

BEFORE_NUMBER = frozenset({"no", "nos", "p", "art", "sec", "par"})
"""Words that are abbreviations only where a number follows: "No. 5", but "He said no. We left."."""

STARTERS = frozenset(
    """
    a an and as at but for he her his i if in it my no on our she so that the their then there these they
    this to we what when where who why yes you your
    """.split()  # noqa: SIM905 - as above
)
"""Words that, written large behind "U.S." or "p.m.", begin a sentence; a name there does not."""

_ACRONYM = re.compile(r"(?:[a-z]\.)+[a-z]")
_WORD = re.compile(r"\W*(\w*)")
_GAP = re.compile(r"(?P<stop>[.!?…][.!?…\"'”’»)\]]*)?(?P<gap>\s+)(?=\S)")
_CLAUSE = re.compile(r"[,;:—–]\s+")


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


def survey(path: Path, languages: str) -> Survey:
    """Read a script once to its end, before a word is spoken.

    TextError where it is too large, not UTF-8, empty, or holds nothing that can be spoken;
    LanguageUnknown where most of its letters are not Latin (`languages` is what the message offers).
    """
    size = path.stat().st_size
    if size > MAX_TEXT_BYTES:
        raise TextError(
            f"The text has {size / MIB:.1f} MiB, more than {MAX_TEXT_BYTES / MIB:.0f} MiB.",
            "Split it into several scripts.",
        )
    count = characters = latin = foreign = 0
    for sentence in sentences(path):
        count += 1
        characters += len(sentence.text)
        for letter in filter(str.isalpha, sentence.text):
            if letter.isascii() or unicodedata.name(letter, "").startswith("LATIN"):
                latin += 1
            else:
                foreign += 1
    if not count:
        raise _unspeakable(path)
    if foreign > latin:
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


def sentences(path: Path) -> Iterator[Sentence]:
    """The pieces of a UTF-8 script in order, each at most `MAX_SENTENCE` characters.

    TextError where it is not UTF-8.
    """
    pending = ""
    for block in _blocks(path):
        pending += clean(block)
        start = 0
        for end, following, boundary in _breaks(pending):
            yield from _pieces(pending[start:end], boundary)
            start = following
        pending = pending[start:]
        # A text without an end in sight must not pile up.
        while len(pending) > 2 * MAX_SENTENCE:
            cut = _cut_position(pending)
            yield from _pieces(pending[:cut], Boundary.CLAUSE)
            pending = pending[cut:]
    yield from _pieces(pending, Boundary.PARAGRAPH)


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


def _breaks(text: str) -> Iterator[tuple[int, int, Boundary]]:
    """Where sentences end: (end of the sentence, start of the next, what lies between)."""
    for match in _GAP.finditer(text):
        newlines = match["gap"].count("\n")
        if newlines > 1:
            yield match.start("gap"), match.end(), Boundary.PARAGRAPH
        elif (newlines and not _is_wrapped(text, match)) or (match["stop"] and _is_last(text, match)):
            yield match.start("gap"), match.end(), Boundary.SENTENCE


def _is_wrapped(text: str, match: re.Match[str]) -> bool:
    """Whether this line break was put by an editor, in the middle of a sentence."""
    if match["stop"]:
        return False
    line = match.start("gap") - (text.rfind("\n", 0, match.start("gap")) + 1)
    return text[match.end()].islower() or line >= WRAPPED_LINE


def _is_last(text: str, match: re.Match[str]) -> bool:
    """Whether the stop in `match` ends a sentence; the full stop of "Dr." and of initials does not."""
    following = text[match.end()]
    if following.islower():
        return False
    if match["stop"][0] != "." or "…" in match["stop"]:
        return True
    before = text[max(0, match.start() - 40) : match.start()]
    word = before.rsplit(maxsplit=1)[-1].lstrip("([\"'“‘").lower() if before.strip() else ""
    if word in BEFORE_NUMBER:
        return not following.isdigit()
    if _ACRONYM.fullmatch(word) and word not in NEVER_LAST:
        start = _WORD.match(text, match.end())
        return start is not None and start[1].lower() in STARTERS
    is_initial = len(word) == 1 and word.isalpha() and word != "i"
    return word not in NEVER_LAST and not is_initial


def _pieces(text: str, boundary: Boundary) -> Iterator[Sentence]:
    """The sentence in pieces that a model can take; nothing where it has no sound."""
    text = " ".join(text.split())
    while len(text) > MAX_SENTENCE:
        cut = _cut_position(text)
        if _is_speakable(text[:cut]):
            yield Sentence(text[:cut].strip(), Boundary.CLAUSE)
        text = text[cut:].strip()
    if _is_speakable(text):
        yield Sentence(text, boundary)


def _cut_position(text: str) -> int:
    """Where to cut text that is too long: behind a clause, else behind a word, else anywhere."""
    head = text[:MAX_SENTENCE]
    clauses = [match.end() for match in _CLAUSE.finditer(head) if match.end() > MAX_SENTENCE // 4]
    if clauses:
        return clauses[-1]
    space = head.rfind(" ")
    return space + 1 if space > 0 else MAX_SENTENCE


def _is_speakable(text: str) -> bool:
    return any(character.isalnum() for character in text)
