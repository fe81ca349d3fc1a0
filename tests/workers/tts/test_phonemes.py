"""The phoneme table covers all that the phonemiser writes, and chunks fit the model."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import hibari
import pytest

from tts_worker.phonemes import IPA, PHONEMES, STRESSES, chunks

ASSETS = Path(hibari.__file__).parent / "assets"
PAUSES = set(';:,.!?—…"“”() ')


def symbols_of(entry: Any) -> set[str]:
    return set().union(*map(symbols_of, entry.values())) if isinstance(entry, dict) else set(entry or "")


def test_every_symbol_of_the_word_lists_and_the_word_guesser_is_known() -> None:
    vocabulary = set(json.loads((ASSETS / "vocab.json").read_text(encoding="utf-8")))
    written = set("".join(json.loads((ASSETS / "oov.json").read_text(encoding="utf-8"))["out"]))
    for name in ("gold", "silver"):
        with gzip.open(ASSETS / f"lexicon_us_{name}.json.gz", "rt", encoding="utf-8") as file:
            written |= symbols_of(json.load(file))
    written = {{"ɾ": "T", "ʔ": "t"}.get(symbol, symbol) for symbol in written}  # as hibari.g2p rewrites them
    assert written & vocabulary - PAUSES - STRESSES <= set(IPA)
    assert set(IPA) <= vocabulary


def test_timings_use_plain_ipa() -> None:
    assert {"eɪ", "aɪ", "oʊ", "aʊ", "ɔɪ", "dʒ", "tʃ", "ɾ", "ə"} <= set(PHONEMES)
    assert not set("AIOWYTʤʧᵊᵻˈˌ") & set("".join(PHONEMES))


@pytest.mark.parametrize("phonemes", ["wˈʌn, tˈu, θɹˈi; " * 20, "wˈʌn tˈu " * 40, "a" * 500, "a", " a b "])
def test_chunks_lose_nothing_and_fit(phonemes: str) -> None:
    parts = chunks(phonemes, 100)
    assert all(0 < len(part) <= 100 for part in parts)
    assert "".join(parts).replace(" ", "") == phonemes.replace(" ", "")


def test_chunks_are_cut_behind_clauses_where_there_are_any() -> None:
    assert all(part[-1] in ",;" for part in chunks("wˈʌn tˈu, θɹˈi fˈɔɹ; " * 20, 100))
