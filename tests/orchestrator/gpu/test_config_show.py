"""`avatar config show` says what is there, how it will be used, and which variables say so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.variables import VARIABLES, unknown
from tests.support.stub_driver import StubDriver

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reference/configuration.md"
GIB = 1 << 30
UUID = "GPU-8a56a4bc-7184-e047-5b92-d1c5e7d1a54d"
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("AVATAR_", "CUDA_"))}


def show(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", "config", "show", *options],
        cwd=ROOT,
        env={**BARE, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def machine(driver: StubDriver) -> dict[str, str]:
    """The environment of a machine with one RTX 4090."""
    driver.gpus((UUID, 24564 << 20, 24 * GIB - GIB), name="NVIDIA GeForce RTX 4090")
    return {name: driver.environment[name] for name in ("LD_LIBRARY_PATH", "NVML_STUB", "CUDA_STUB")}


def test_people_read_it_within_80_columns(machine: dict[str, str]) -> None:
    shown = show(AVATAR_LEASE="exclusive", AVATAR_LAESE="budget", **machine)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    words = " ".join(shown.stdout.split())
    assert f"device NVIDIA GeForce RTX 4090, {UUID}" in words
    assert "memory 25.8 GB (24.0 GiB), compute capability 8.9" in words
    assert "profile 24 precision fp16 batch 16 (frames or pictures at once) tiling no by parts no" in words
    assert "lease exclusive" in words
    assert "exclusive because AVATAR_LEASE says so" in words
    assert "AVATAR_LEASE set exclusive" in words
    assert "AVATAR_RELEASE default auto" in words
    assert "AVATAR_LAESE unknown" in words


def test_a_machine_without_a_gpu_shows_its_memory() -> None:
    shown = show(AVATAR_DEVICE="cpu")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("device       host memory\n")
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_programs_read_it_as_json(machine: dict[str, str]) -> None:
    shown = show("--json", AVATAR_BUDGET="50%", AVATAR_RELEASE="unload", **machine)
    found: dict[str, Any] = json.loads(shown.stdout)
    (device,) = found["devices"]
    assert device["uuid"] == UUID
    assert device["total"] == 24564 << 20
    assert device["budget"] == 24564 << 19
    assert device["profile"] == {
        "name": "24",
        "precision": "fp16",
        "batch": 16,
        "tiling": False,
        "by_parts": False,
    }
    assert device["release"] == "unload"
    assert found["variables"]["AVATAR_BUDGET"] == {"value": "50%", "from": "set"}
    assert found["variables"]["AVATAR_LEASE"] == {"value": None, "from": "default"}


def test_a_variable_that_cannot_be_used_is_one_line_and_status_2() -> None:
    shown = show(AVATAR_DEVICE="cpu", AVATAR_PROFILE="huge")
    assert shown.returncode == 2
    assert shown.stderr.startswith("avatar: AVATAR_PROFILE is 'huge'.")
    assert shown.stderr.count("\n") == 1


def test_every_variable_that_the_sources_read_is_known_and_explained() -> None:
    known = {variable.name for variable in VARIABLES}
    private = {"AVATAR_WORKER_TOKEN"}  # from the orchestrator to its workers
    sources = [
        *(ROOT / "orchestrator").rglob("*.py"),
        *(ROOT / "shared_schema").rglob("*.py"),
        *(ROOT / "envs").glob("*/*_worker/**/*.py"),
    ]
    read = {name for path in sources for name in re.findall(r"\"(AVATAR_[A-Z_]+[A-Z])\"", path.read_text())}
    assert read - private == known
    explained = set(re.findall(r"^\| `(AVATAR_\w+)`", PAGE.read_text(), re.MULTILINE))
    assert explained == known


def test_a_misspelt_variable_is_found() -> None:
    assert unknown({"AVATAR_HOME": "x", "AVATAR_HOEM": "x", "HOME": "x"}) == ["AVATAR_HOEM"]
