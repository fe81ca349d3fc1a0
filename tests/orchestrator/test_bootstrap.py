"""The bootstrap runs before anything is installed, on whatever Python 3.9 or later a machine has."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.environments import ROOT

MODULES = [
    "orchestrator/__init__.py",
    "orchestrator/bootstrap.py",
    "orchestrator/environments.py",
    "orchestrator/fetch_uv.py",
    "orchestrator/installer.py",
    "orchestrator/interpreters.py",
    "shared_schema/paths.py",
    "orchestrator/progress.py",
    "orchestrator/relock.py",
    "orchestrator/uv.py",
    "shared_schema/__init__.py",
    "shared_schema/errors.py",
]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_of_it_is_python_3_9(module: str) -> None:
    ast.parse((ROOT / module).read_text(), feature_version=(3, 9))


def test_it_loads_these_modules_and_the_standard_library_only() -> None:
    code = """
import sys
before = set(sys.modules)
import orchestrator.bootstrap, orchestrator.installer, orchestrator.relock
own = {name for name in sys.modules if name.partition(".")[0] in {"orchestrator", "shared_schema"}}
rest = {name.partition(".")[0] for name in set(sys.modules) - before - own}
print(*sorted(own), sep=",")
print(*sorted(rest - sys.stdlib_module_names), sep=",")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    own, strangers = done.stdout.splitlines()
    names = {
        str(Path(module).with_suffix("")).replace("/", ".").removesuffix(".__init__") for module in MODULES
    }
    assert set(own.split(",")) == names
    assert strangers == ""


def bootstrap(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator.bootstrap", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_an_unknown_environment_is_one_line_and_status_2() -> None:
    done = bootstrap("sync", "speech")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "avatar: There is no environment 'speech'. There are orchestrator, tts, tts-fork, vision, lipsync."
    ]
