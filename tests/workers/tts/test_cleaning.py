"""What has no sound leaves the text; what has one stays."""

from __future__ import annotations

import pytest

from tts_worker.cleaning import clean


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("so\x00 it\x1b goes\x7f", "so it goes"),
        ("zero\u200bwidth\ufeff so\u00adft", "zerowidth soft"),
        ("\u202eright to left\u202c", "right to left"),
        ("family 👩‍👩‍👧 flag 🇩🇪 key 1️⃣ skin 👍🏽!", "family flag key 1 skin !"),
        ("𝗯𝗼𝗹𝗱 ﬁne ① ｗｉｄｅ", "bold fine 1 wide"),
        ("٣ and १२", "3 and 12"),
        ("cafe\u0301", "café"),
        ("don´t", "don't"),
        ("wait.... what", "wait… what"),
        ("see [the docs](https://x.example/y) here", "see the docs here"),
        ("20 °C, ½ cup, 5 m², £3 × 2", "20 °C, ½ cup, 5 m², £3 × 2"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\u00a0b\tc", "a b c"),
        ("pi is 3.14159265358979", "pi is 3.14159265358979"),
        ("1234567890123456", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6"),
    ],
)
def test_text_is_cleaned(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_cleaning_twice_changes_nothing_more() -> None:
    once = clean("𝗯𝗼𝗹𝗱 ﬁne ① “Yes”… 1234567890123456789 [a](b) ½ 👍🏽 Zürich ß")
    assert clean(once) == once
