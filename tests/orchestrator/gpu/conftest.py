"""The stand-in driver, compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stub_driver import StubDriver, build


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def driver(libraries: Path, tmp_path: Path) -> Iterator[StubDriver]:
    with StubDriver(libraries, tmp_path) as driver:
        yield driver
