"""What the dead package really imports is what our pyproject.toml says that it needs."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from orchestrator.imports import Findings, check, declared_by

ROOT = Path(__file__).parents[3]

BROUGHT_BY_OTHERS = {"absl-py", "gruut-ipa", "huggingface-hub", "onnxruntime"}
"""Imported by parts of the package, and there because something that is declared needs them too."""

NEVER_USED = ("TTS/demos/", "TTS/server/", "TTS/encoder/utils/", "TTS/tts/layers/bark/")
"""Parts of the package that this worker does not load."""


def findings() -> Findings:
    site = Path(sysconfig.get_path("purelib"))
    return check(site, "TTS", declared_by(ROOT / "envs/tts-py311/pyproject.toml", "TTS"))


def test_nothing_that_the_worker_loads_is_missing() -> None:
    missing = findings().missing
    assert missing, "it finds the demos' gradio at least"
    assert [each for each in missing if not each.partition(" (")[2].startswith(NEVER_USED)] == []


def test_nothing_is_imported_undeclared_but_what_others_bring() -> None:
    assert set(findings().undeclared) == BROUGHT_BY_OTHERS


def test_what_is_declared_and_not_imported_has_a_reason() -> None:
    # librosa and the Japanese dictionaries find them by other ways than an import.
    assert set(findings().unused) == {"numba", "unidic-lite"}
