"""The layout is the architecture: who may import whom, read from the sources."""

from __future__ import annotations

import ast
import subprocess
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
    allowed = {"shared_schema", "msgpack", "msgspec", "zmq", "torch"}
    assert strangers(ROOT / "shared_schema", allowed) == set()


def test_only_what_moves_weights_knows_torch() -> None:
    importers = {path.name for path, name in imported(ROOT / "shared_schema") if name == "torch"}
    assert importers == {"packing.py", "residence.py"}


@pytest.mark.parametrize("module", ["packing", "residence"])
def test_torch_is_imported_when_it_is_used_and_not_before(module: str) -> None:
    """In an interpreter in which an import of torch fails, also where torch is installed."""
    code = f"import sys; sys.modules['torch'] = None; import shared_schema.{module}"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_orchestrator_is_thin() -> None:
    allowed = {
        "orchestrator",
        "shared_schema",
        "click",
        "huggingface_hub",
        "msgspec",
        "psutil",
        "pynvml",
        "rich",
        "zmq",
    }
    assert strangers(ROOT / "orchestrator", allowed) == set()


@pytest.mark.parametrize(
    ("name", "module"),
    [("psutil", "gpu/host.py"), ("pynvml", "gpu/nvml.py"), ("huggingface_hub", "models/hub.py")],
)
def test_what_the_machine_has_is_asked_by_one_module_each(name: str, module: str) -> None:
    importers = {path for path, found in imported(ROOT / "orchestrator") if found == name}
    assert importers == {ROOT / "orchestrator" / module}


@pytest.mark.parametrize("package", WORKERS)
def test_a_worker_knows_neither_the_orchestrator_nor_another_worker(package: str) -> None:
    forbidden = {"orchestrator", "tests", *WORKERS} - {package}
    names = {name for _, name in imported(WORKERS[package])}
    assert names & forbidden == set()


def test_nobody_pickles() -> None:
    folders = [ROOT / "shared_schema", ROOT / "orchestrator", *WORKERS.values()]
    picklers = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    found = {(path, name) for folder in folders for path, name in imported(folder) if name in picklers}
    # It reads checkpoints, with an unpickler that knows tensors alone.
    assert found == {(ROOT / "orchestrator/models/unpickle.py", "pickle")}
