"""The layout is the architecture: who may import whom, read from the sources."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKERS = {
    "tts_worker": ROOT / "envs/tts-py311",
    "vision_worker": ROOT / "envs/vision-py312",
    "lipsync_worker": ROOT / "envs/lipsync",
}


def imported(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each source file of a folder with the top-level names that it imports, anywhere in it."""
    sources = [path for path in folder.rglob("*.py") if ".venv" not in path.parts]
    assert sources, f"{folder} holds no Python"
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield path, alias.name.partition(".")[0]
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield path, node.module.partition(".")[0]


def strangers(folder: Path, allowed: set[str]) -> set[str]:
    known = allowed | sys.stdlib_module_names
    return {f"{path.relative_to(ROOT)}: {name}" for path, name in imported(folder) if name not in known}


def test_the_schema_depends_on_its_three_packages_only() -> None:
    assert strangers(ROOT / "shared_schema", {"shared_schema", "msgpack", "msgspec", "zmq"}) == set()


def test_the_orchestrator_is_thin() -> None:
    allowed = {"orchestrator", "shared_schema", "click", "msgspec", "rich", "zmq"}
    assert strangers(ROOT / "orchestrator", allowed) == set()


@pytest.mark.parametrize("package", WORKERS)
def test_a_worker_knows_neither_the_orchestrator_nor_another_worker(package: str) -> None:
    forbidden = {"orchestrator", "tests", *WORKERS} - {package}
    names = {name for _, name in imported(WORKERS[package])}
    assert names & forbidden == set()


def test_nobody_pickles() -> None:
    folders = [ROOT / "shared_schema", ROOT / "orchestrator", *WORKERS.values()]
    picklers = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    assert {
        (path, name) for folder in folders for path, name in imported(folder) if name in picklers
    } == set()
