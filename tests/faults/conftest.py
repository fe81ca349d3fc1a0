"""Every fault test has a home, a job and a bed of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.job import Job
from tests.support.bed import Bed


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "h"
    monkeypatch.setenv("AVATAR_HOME", str(folder))
    return folder


@pytest.fixture
def job(home: Path) -> Iterator[Job]:
    with Job() as made:
        yield made


@pytest.fixture
def bed(job: Job) -> Bed:
    return Bed(job)
