"""What the worker says of its engines, and what it costs to ask."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared_schema.stages import Stage
from vision_worker.engines import ENGINES
from vision_worker.samples import PORTRAIT

HEAVY = ("mediapipe", "cv2", "numpy", "PIL", "matplotlib", "pillow_heif", "torch", "diffusers")
EMBEDDED = [engine for engine in ENGINES if engine.name != "sdxl"]


def test_the_engines_are_listed_best_first() -> None:
    assert [(engine.name, engine.stage) for engine in ENGINES] == [
        ("photo", Stage.PORTRAIT),
        ("sdxl", Stage.PORTRAIT),
        ("sample", Stage.PORTRAIT),
        ("mediapipe", Stage.FACE),
        ("mediapipe-track", Stage.FACE),
    ]


@pytest.mark.parametrize("engine", EMBEDDED)
def test_each_embedded_engine_is_ready_and_says_with_what(engine: type) -> None:
    assert engine.availability().ready  # type: ignore[attr-defined]
    assert "mediapipe 0.10." in engine.version  # type: ignore[attr-defined]


def test_asking_for_the_engines_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from vision_worker.engines import ENGINES\n"
        "print([engine.name for engine in ENGINES if not engine.availability().ready])\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == ["[]"]


def test_what_is_missing_is_named_with_the_remedy() -> None:
    """In an interpreter without this environment's packages, which -S and -I give."""
    program = (
        "import sys\n"
        "sys.path[:0] = {paths}\n"
        "from vision_worker import packages\n"
        "answer = packages.availability()\n"
        "print(answer.ready, answer.lacks, answer.remedy)\n"
    )
    import msgspec

    import shared_schema
    import vision_worker

    site = str(msgspec.__file__)
    paths = [str(module.__path__[0]).rpartition("/")[0] for module in (shared_schema, vision_worker)]
    loader = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('msgspec', {site!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "sys.modules['msgspec'] = module\n"
        "spec.loader.exec_module(module)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", loader + program.format(paths=paths)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (
        "False The package mediapipe is not installed in the vision environment. "
        "Run `avatar envs sync vision`."
    )


def test_the_sample_is_small_enough_to_ship_and_names_its_source() -> None:
    assert PORTRAIT.stat().st_size < 500_000
    sources = PORTRAIT.with_name("SOURCES.md").read_text()
    assert "NASA" in sources
    assert "public domain" in sources
