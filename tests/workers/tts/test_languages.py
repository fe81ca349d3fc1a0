"""A script's language is found out, and an engine is asked only for what it speaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared_schema.errors import LanguageUnknown
from tts_worker.languages import detect, resolve

Script = Callable[[str], Path]

SAID = {
    "en": ["Good morning, how are you today?", "The train leaves at nine."],
    "de": ["Guten Morgen, wie geht es dir?", "Der Zug fährt um neun Uhr."],
    "fr": ["Bonjour, comment allez-vous ?", "Le train part à neuf heures."],
    "es": ["Buenos días, ¿cómo estás?", "El tren sale a las nueve."],
    "it": ["Buongiorno, come stai oggi?", "Il treno parte alle nove."],
    "pt": ["Bom dia, como você está?", "O trem parte às nove horas."],
    "pl": ["Dzień dobry, jak się masz?", "Pociąg odjeżdża o dziewiątej."],
    "tr": ["Günaydın, bugün nasılsın?", "Tren saat dokuzda kalkıyor."],
    "nl": ["Goedemorgen, hoe gaat het met je?", "De trein vertrekt om negen uur."],
    "cs": ["Dobré ráno, jak se máš?", "Vlak odjíždí v devět hodin."],
    "hu": ["Jó reggelt, hogy vagy ma?", "A vonat kilenckor indul."],
    "ru": ["Доброе утро, как дела?", "Поезд отправляется в девять."],
    "ar": ["صباح الخير، كيف حالك اليوم؟", "يغادر القطار في التاسعة."],
    "hi": ["सुप्रभात, आज आप कैसे हैं?", "ट्रेन नौ बजे निकलती है।"],
    "ko": ["좋은 아침입니다, 어떻게 지내세요?", "기차는 아홉 시에 출발합니다."],
    "ja": ["おはようございます、元気ですか。", "電車は九時に出発します。"],
    "zh-cn": ["早上好，你今天怎么样？", "火车九点出发。"],
}
CASES = [(language, sentence) for language, said in SAID.items() for sentence in said]
EVERY = tuple(SAID)


@pytest.mark.parametrize(("language", "sentence"), CASES)
def test_a_sentence_tells_its_language(language: str, sentence: str, script: Script) -> None:
    assert detect(script(sentence)) == language


def test_a_few_foreign_words_change_nothing(script: Script) -> None:
    assert detect(script("The Russian for hello is привет, and the Chinese is 你好.")) == "en"
    assert detect(script("彼はHello Worldと言いました。")) == "ja"


def test_a_text_without_letters_counts_as_english(script: Script) -> None:
    assert detect(script("42, 43, 44!")) == "en"


@pytest.mark.parametrize(
    ("asked", "listed", "found"),
    [
        ("EN_us", ("en", "en-us"), "en-us"),
        ("en-GB", ("en", "de"), "en"),
        ("pt-BR", EVERY, "pt"),
        ("zh", EVERY, "zh-cn"),
        ("zh-TW", EVERY, "zh-cn"),
        ("auto", EVERY, "en"),
    ],
)
def test_tags_are_taken_as_people_write_them(
    asked: str, listed: tuple[str, ...], found: str, script: Script
) -> None:
    text = "你好。" if found == "zh-cn" else "Good morning, how are you?"
    assert resolve(asked, script(text), listed, "toy") == found


@pytest.mark.parametrize("asked", ["sv", "en-gb", "zz-top"])
def test_what_is_not_spoken_is_refused_with_what_is(asked: str, script: Script) -> None:
    with pytest.raises(LanguageUnknown, match="it speaks en, en-us"):
        resolve(asked, script("Hello."), ("en", "en-us"), "toy")


def test_what_was_found_out_and_is_not_spoken_is_said(script: Script) -> None:
    with pytest.raises(LanguageUnknown, match="seems to be in 'de'"):
        resolve("auto", script(SAID["de"][0]), ("en",), "toy")


def test_a_text_in_other_letters_than_its_language_has_is_refused(script: Script) -> None:
    with pytest.raises(LanguageUnknown, match="another language") as caught:
        resolve("en", script(SAID["ru"][0]), EVERY, "toy")
    assert "--language ru" in caught.value.hint
