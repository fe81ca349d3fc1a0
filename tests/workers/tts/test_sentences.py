"""A script is cut where sentences end, and nowhere else."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared_schema.errors import InputError, LanguageUnknown, TextError
from shared_schema.limits import MAX_TEXT_BYTES
from tts_worker.cleaning import clean
from tts_worker.text import BLOCK_BYTES, MAX_SENTENCE, Boundary, sentences, survey

Make = Callable[..., Any]


def texts(path: Path) -> list[str]:
    return [sentence.text for sentence in sentences(path)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith met Mrs. Jones on Jan. 5th.",
        "It costs $3.14, i.e. 3.50 with tax, e.g. in Paris.",
        "J. K. Rowling and George R. R. Martin came.",
        "The U.S. Army arrived at 5 p.m. Monday.",
        "See Fig. 3 and No. 5 vs. No. 6.",
        "He waited... and waited.",
        "“Really?” he said.",
        "Visit example.com today.",
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(script: Make, sentence: str) -> None:
    assert len(texts(script(f"{sentence} Then he left."))) == 2


def test_sentences_end_at_stops_questions_and_cries(script: Make) -> None:
    text = 'One. Two? Three! Four… "Five." (Six.) So did I. He said no. Left at 5 p.m. The end.'
    assert texts(script(text)) == [
        "One.", "Two?", "Three!", "Four…", '"Five."', "(Six.)", "So did I.", "He said no.", "Left at 5 p.m.",
        "The end.",
    ]  # fmt: skip


def test_lines_broken_by_an_editor_are_joined_and_short_lines_are_not(script: Make) -> None:
    wrapped = (
        "This line is long because an editor has broken it at a column\nThat it liked, and went on\nbelow."
    )
    assert len(texts(script(wrapped))) == 1
    assert texts(script("Roses are red\nViolets are blue")) == ["Roses are red", "Violets are blue"]


def test_a_blank_line_ends_a_paragraph(script: Make) -> None:
    found = list(sentences(script("One. Two\r\n \r\nThree")))
    assert [sentence.boundary for sentence in found] == [
        Boundary.SENTENCE,
        Boundary.PARAGRAPH,
        Boundary.PARAGRAPH,
    ]


def test_a_long_sentence_is_cut_at_its_clauses_then_between_words(script: Make) -> None:
    clauses = texts(script("And then they went on and on, " * 60))
    assert all(len(piece) <= MAX_SENTENCE for piece in clauses)
    assert all(piece.endswith(",") for piece in clauses)
    words = texts(script("word " * 300))
    assert all(len(piece) <= MAX_SENTENCE for piece in words)
    assert " ".join(words).split() == ["word"] * 300


def test_a_word_without_end_is_cut_all_the_same(script: Make) -> None:
    pieces = texts(script("a" * 100_000))
    assert max(map(len, pieces)) == MAX_SENTENCE
    assert sum(map(len, pieces)) == 100_000


def test_no_word_is_lost_or_broken_where_blocks_meet(script: Make) -> None:
    words = random.Random(4).choices(
        ["naïve", "Zürich", "“yes”,", "end.", "No", "é", "\n", "\n\n", "ok!"], k=20_000
    )
    path = script(" ".join(words))
    assert path.stat().st_size > 5 * BLOCK_BYTES
    assert " ".join(texts(path)).split() == " ".join(words).split()


def test_the_survey_counts_what_will_be_spoken(script: Make) -> None:
    path = script("One. Two three.\n\n***\n\nFour 😀.")
    assert survey(path, "English") == (3, len("One.") + len("Two three.") + len("Four ."))


@pytest.mark.parametrize("text", ["", " \n\t ", "\ufeff", "\x00\x01"])
def test_empty_text_is_refused(script: Make, text: str) -> None:
    with pytest.raises(TextError, match="The text is empty"):
        survey(script(text), "English")


@pytest.mark.parametrize("text", ["😀😀 👩‍👩‍👧", "...!?", "* * *", "— “” —"])
def test_text_of_signs_only_is_refused(script: Make, text: str) -> None:
    with pytest.raises(TextError, match="no word or number"):
        survey(script(text), "English")


@pytest.mark.parametrize("text", ["Привет, как дела?", "你好,世界", "مرحبا بالعالم", "こんにちは ok", "שלום"])
def test_text_in_another_script_is_refused_with_the_languages_spoken(script: Make, text: str) -> None:
    with pytest.raises(LanguageUnknown, match="it speaks English"):
        survey(script(text), "English")


def test_a_foreign_word_among_english_ones_is_no_reason_to_refuse(script: Make) -> None:
    assert survey(script("The Russian for hello is привет."), "English").sentences == 1


def test_too_much_text_is_refused(script: Make) -> None:
    with pytest.raises(TextError, match="more than 2 MiB"):
        survey(script("a " * (MAX_TEXT_BYTES // 2 + 1)), "English")


@pytest.mark.parametrize("text", [b"caf\xe9 au lait", b"\xff\xfeH\x00i\x00", b"ends in \xe2\x82"])
def test_text_that_is_not_utf_8_is_refused(script: Make, text: bytes) -> None:
    with pytest.raises(InputError, match="not valid UTF-8"):
        survey(script(text), "English")


ORDINARY = {
    "es": ["¿Qué tal está la Sra. García?", "¡Muy bien!", "Nos vemos el lunes."],
    "fr": ["Bonjour M. Dupont.", "« Comment allez-vous ? »", "Très bien."],
    "de": ["Am 1. Januar kam Hr. Meier, z.B. mit Dr. Groß.", "Er sagte: „Gut.“", "Das war alles."],
    "it": ["Il sig. Rossi è arrivato.", "Che bello!", "Andiamo."],
    "pt": ["O Sr. Silva saiu.", "Voltou às 3.5 horas.", "Que dia!"],
    "pl": ["Spotkanie jest 3. Maja, tzn. w sobotę.", "Do zobaczenia!"],
    "tr": ["Sn. Yılmaz geldi.", "Nasılsınız?", "İyiyim."],
    "ru": ["Это г. Москва, т.е. столица.", "Как дела?", "Хорошо."],
    "nl": ["Dhr. Jansen komt o.a. morgen.", "Leuk!", "Tot dan."],
    "cs": ["Přijde 2. května, např. ráno.", "Dobře?", "Ano."],
    "ar": ["مرحبا، كيف حالك؟", "أنا بخير.", "شكرا."],
    "hu": ["A dr. Szabó jön.", "Mikor?", "Holnap."],
    "ko": ["안녕하세요.", "잘 지내세요?", "네."],
    "hi": ["नमस्ते।", "आप कैसे हैं?", "मैं ठीक हूँ।"],
}


@pytest.mark.parametrize("language", ORDINARY)
def test_sentences_of_each_language_end_where_they_end(language: str, script: Make) -> None:
    expected = ORDINARY[language]
    assert [piece.text for piece in sentences(script(" ".join(expected)), language=language)] == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("zh-cn", ["你好。", "今天天气怎么样?", "「很好。」", "我们走吧!"]),
        ("ja", ["こんにちは。", "元気ですか?", "はい、3.5キロです。"]),
    ],
)
def test_stops_without_a_space_end_sentences_in_chinese_and_japanese(
    language: str, expected: list[str], script: Make
) -> None:
    assert [piece.text for piece in sentences(script("".join(expected)), language=language)] == expected


@pytest.mark.parametrize("limit", [20, 71, 250])
def test_nothing_that_has_a_sound_is_lost_at_any_limit(limit: int, script: Make) -> None:
    words = [word for expected in ORDINARY.values() for word in " ".join(expected).split()]
    text = " ".join(words * 5) + "今天天气很好我们去公园散步吧、" * 40
    pieces = [piece.text for piece in sentences(script(text), limit, "de")]

    def sounds(pieces: list[str]) -> str:
        return "".join(character for character in "".join(pieces) if character.isalnum())

    assert max(map(len, pieces)) <= limit
    assert sounds(pieces) == sounds([clean(text)])


def test_a_long_text_without_a_space_streams(script: Make) -> None:
    pieces = list(sentences(script("天气很好" * 40_000), 82, "zh-cn"))
    assert max(len(piece.text) for piece in pieces) <= 82
    assert sum(len(piece.text) for piece in pieces) == 160_000


def test_a_script_of_other_letters_is_no_mistake_in_a_language_that_has_them(script: Make) -> None:
    path = script("Как дела?")
    assert survey(path, "Russian", language="ru").sentences == 1
    with pytest.raises(LanguageUnknown):
        survey(path, "English", language="en")
