"""Licences are seen to before a run: those of the engines that were asked for, of voices and of lips."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from orchestrator.cli.models import accept_for
from orchestrator.models.manifest import named
from shared_schema import weights
from shared_schema.errors import InputError, LicenceRefused


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which two models with terms are, not accepted yet."""
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path))
    for name in ("xtts-v2", "wav2lip"):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        record = weights.Record(name, "0" * 40, named(name).licence, {}, named(name).terms)
        (folder / weights.RECORD_NAME).write_bytes(msgspec.json.encode(record))
    return tmp_path


@pytest.mark.parametrize("engines", [("hibari", "wav2lip"), ("xtts", None)])
def test_an_engine_that_was_asked_for_is_refused_until_its_terms_are_accepted(
    home: Path, engines: tuple[str, str | None]
) -> None:
    with pytest.raises(LicenceRefused, match="only after its licence was accepted"):
        accept_for((), *engines)
    name = "wav2lip" if engines[1] else "xtts-v2"
    accept_for((name,), *engines)
    assert weights.is_accepted(name)
    accept_for((), *engines)


def test_of_engines_that_nobody_asked_for_nothing_is_asked(home: Path) -> None:
    accept_for((), "kokoro", None)
    assert not weights.is_accepted("xtts-v2")
    assert not weights.is_accepted("wav2lip")


def test_a_name_that_is_none_is_told(home: Path) -> None:
    with pytest.raises(InputError, match="no weights"):
        accept_for(("nothing",), None)
