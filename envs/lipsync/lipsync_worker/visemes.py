"""What the mouth does for each sound: IPA symbols to articulatory targets.

Targets follow the phonetic features of the IPA chart: vowel height sets the jaw, backness and rounding the
lips; place and manner of a consonant set what of the mouth it needs. What a sound does not need it leaves
to its neighbours: that is its dominance (Cohen & Massaro 1993), 0 to 1 for each parameter.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync_worker.pose import Param

__all__ = ["NEUTRAL", "REST", "SYMBOLS", "Viseme", "visemes_of"]

Row = NDArray[np.float32]
_log = logging.getLogger(__name__)
_unknown: set[str] = set()


@dataclass(frozen=True, eq=False)
class Viseme:
    """Targets and dominance, one entry a `Param`. A `vowel` opens with the loudness of the voice."""

    target: Row
    dominance: Row
    vowel: bool = False


def _make(
    *,
    vowel: bool = False,
    jaw_rules: float = 0.7,
    lips_rule: float = 0.15,
    lift: float = 0.0,
    **targets: float,
) -> Viseme:
    target = np.zeros(len(Param), np.float32)
    target[Param.RAISE] = lift
    dominance = np.full(len(Param), 0.5, np.float32)
    for name, value in targets.items():
        target[Param[name.upper()]] = value
    dominance[Param.JAW] = jaw_rules
    dominance[[Param.WIDE, Param.ROUND]] = lips_rule
    return Viseme(target, dominance, vowel)


def _vowel(
    jaw: float, *, wide: float = 0.0, rounded: float = 0.0, lift: float = 0.1, rule: float = 0.8
) -> Viseme:
    return _make(vowel=True, jaw_rules=1.0, lips_rule=rule, jaw=jaw, wide=wide, round=rounded, lift=lift)


_BILABIAL = _make(jaw=0.12, close=1.0, jaw_rules=0.35, lips_rule=0.1)
_LABIODENTAL = _make(jaw=0.10, dental=1.0, jaw_rules=0.6, lips_rule=0.2)
_INTERDENTAL = _make(jaw=0.16, tongue=0.9, lower=0.15, jaw_rules=0.8, lift=0.2)
_ALVEOLAR = _make(jaw=0.12, tongue=0.6, lower=0.15, jaw_rules=0.6, lift=0.12)
_LATERAL = _make(jaw=0.20, tongue=1.0, lower=0.1, jaw_rules=0.6, lift=0.1)
_SIBILANT = _make(jaw=0.05, wide=0.3, lower=0.35, jaw_rules=0.9, lips_rule=0.3, lift=0.22)
_POSTALVEOLAR = _make(jaw=0.10, round=0.55, lower=0.4, jaw_rules=0.9, lips_rule=0.8, lift=0.3)
_VELAR = _make(jaw=0.18, jaw_rules=0.35, lips_rule=0.05)
_RHOTIC = _make(jaw=0.13, round=0.5, lower=0.15, jaw_rules=0.6, lips_rule=0.6)
_GLIDE_W = _make(jaw=0.06, round=1.0, jaw_rules=0.9, lips_rule=1.0)
_GLIDE_J = _make(jaw=0.12, wide=0.6, jaw_rules=0.6, lips_rule=0.6)
_GLOTTAL = _make(jaw=0.22, jaw_rules=0.08, lips_rule=0.02)

NEUTRAL = _make(jaw=0.2, jaw_rules=0.4)
"""A small opening, for sounds that the table does not hold."""

REST = _make(jaw_rules=1.0, lips_rule=0.25)
"""No sound: what is 0 in every parameter."""

_VOWELS = {
    "i": _vowel(0.20, wide=0.9, lift=0.2), "y": _vowel(0.20, rounded=0.9),
    "ɪ": _vowel(0.30, wide=0.5), "ʏ": _vowel(0.30, rounded=0.7),
    "ɨ": _vowel(0.24, wide=0.3, rule=0.4), "ʉ": _vowel(0.22, rounded=0.8), "ɯ": _vowel(0.24, wide=0.2),
    "u": _vowel(0.25, rounded=1.0, rule=1.0), "ʊ": _vowel(0.30, rounded=0.7),
    "e": _vowel(0.40, wide=0.6, lift=0.15), "ø": _vowel(0.40, rounded=0.8), "o": _vowel(0.42, rounded=0.85),
    "ə": _vowel(0.30, rule=0.3), "ɘ": _vowel(0.36, rule=0.4), "ɵ": _vowel(0.36, rounded=0.5),
    "ɚ": _vowel(0.30, rounded=0.35, rule=0.5), "ɝ": _vowel(0.36, rounded=0.4, rule=0.6),
    "ɜ": _vowel(0.42, rounded=0.25, rule=0.5), "ɤ": _vowel(0.40, rule=0.4),
    "ɛ": _vowel(0.56, wide=0.45, lift=0.2), "œ": _vowel(0.55, rounded=0.6), "ɔ": _vowel(0.60, rounded=0.6),
    "ʌ": _vowel(0.58, rule=0.5), "ɐ": _vowel(0.50, rule=0.4),
    "æ": _vowel(0.75, wide=0.4, lift=0.3), "a": _vowel(0.82, wide=0.1, lift=0.25, rule=0.5),
    "ɑ": _vowel(0.85, lift=0.2, rule=0.5), "ɒ": _vowel(0.72, rounded=0.4),
}  # fmt: skip

_CONSONANTS = {
    **dict.fromkeys(("p", "b", "m", "ɓ", "ʙ"), _BILABIAL),
    **dict.fromkeys(("f", "v", "ɱ", "ʋ"), _LABIODENTAL),
    **dict.fromkeys(("θ", "ð"), _INTERDENTAL),
    **dict.fromkeys(("t", "d", "n", "ɾ", "ʈ", "ɖ", "ɳ", "ɲ"), _ALVEOLAR),
    **dict.fromkeys(("l", "ɫ", "ɭ", "ʎ", "ɬ"), _LATERAL),
    **dict.fromkeys(("s", "z", "ts", "dz"), _SIBILANT),
    **dict.fromkeys(("ʃ", "ʒ", "tʃ", "dʒ", "ʧ", "ʤ", "ʂ", "ʐ", "ɕ", "ʑ"), _POSTALVEOLAR),
    **dict.fromkeys(("k", "ɡ", "g", "ŋ", "x", "ɣ", "q", "χ", "ʁ", "c", "ç"), _VELAR),
    **dict.fromkeys(("ɹ", "r", "ɻ"), _RHOTIC),
    **dict.fromkeys(("w", "ʍ", "ɥ"), _GLIDE_W),
    "j": _GLIDE_J,
    **dict.fromkeys(("h", "ɦ", "ʔ"), _GLOTTAL),
}

SYMBOLS: dict[str, Viseme] = {**_VOWELS, **_CONSONANTS}
"""Every single sound that has a viseme of its own."""

_MARKS = str.maketrans("", "", "ˈˌːˑ.‿̩̯̃͜͡ʰʷʲˠˤ˞ʼ̥̬̪̍")


def visemes_of(symbol: str) -> tuple[Viseme, ...]:
    """What the mouth passes through for an IPA symbol: one viseme, or two for a diphthong.

    Length, stress and syllabic marks are ignored. A symbol that nobody knows is a small opening, and is
    logged the first time.
    """
    plain = symbol.translate(_MARKS)
    if plain in SYMBOLS:
        return (SYMBOLS[plain],)
    parts = [SYMBOLS[letter] for letter in plain if letter in SYMBOLS]
    if len(plain) > 1 and len(parts) == len(plain):
        return tuple(parts)
    if symbol not in _unknown:
        _unknown.add(symbol)
        _log.warning("No mouth shape is known for the sound %r; a small opening stands for it.", symbol)
    return (NEUTRAL,)
