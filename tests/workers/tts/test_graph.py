"""The model's durations become an output of its graph without the onnx package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hibari import Hibari
from hibari.voices import voice_path

from shared_schema.errors import EngineUnavailable
from tts_worker.graph import expose, output_of_clamped_round
from tts_worker.model import HibariModel


@pytest.fixture(scope="module")
def bundled() -> bytes:
    return Path(voice_path("heart", download_missing=False)).read_bytes()


def test_the_durations_account_for_every_frame() -> None:
    model = HibariModel()
    prediction = model.predict(model.phonemes("Peter Piper picked a peck."), 1.0)
    assert len(prediction.counts) == len(prediction.symbols)
    assert 2 * prediction.counts.sum() == prediction.harmonic.shape[1] == len(prediction.pitch)


def test_the_added_output_changes_nothing_else() -> None:
    model, original = HibariModel(), Hibari()
    phonemes = model.phonemes("Nothing has changed.")
    assert [phonemes] == original.phonemize("Nothing has changed.")
    ours = model.predict(phonemes, 1.0).sound(np.random.default_rng(5))
    assert np.array_equal(ours, original.from_phonemes(phonemes, seed=5))


def test_a_graph_without_durations_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="0 duration outputs"):
        output_of_clamped_round(b"")


def test_several_candidates_are_refused(bundled: bytes) -> None:
    with pytest.raises(EngineUnavailable, match="2 duration outputs"):
        output_of_clamped_round(bundled + bundled)


@pytest.mark.parametrize("damage", [b"\xff" * 12, b"\x3a\x80", b"\x0b"])
def test_bytes_that_are_no_model_are_refused(damage: bytes) -> None:
    with pytest.raises(EngineUnavailable):
        output_of_clamped_round(damage)


def test_names_of_any_length_are_exposed(bundled: bytes) -> None:
    for name in ("x", "y" * 200, "z" * 20_000):
        assert expose(bundled, name).endswith(name.encode())
