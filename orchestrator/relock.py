"""Writes the locks anew from each `pyproject.toml`, or says which have moved away from theirs.

    neural or dev ──constrains──> base ──constrains──> test ──constrains──> neural-test

So the base is a subset of each larger lock, with the same versions. Standard library only and Python
3.9: the bootstrap uses it before any environment exists.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from orchestrator.environments import ENVIRONMENTS, KINDS, Environment
from orchestrator.fetch_uv import fetch_uv
from orchestrator.uv import Uv, find_uv
from shared_schema import paths
from shared_schema.errors import EnvironmentMissing, InputError

__all__ = ["check_locks", "pins", "renew_locks"]

_ORDER = {
    "orchestrator": ("dev", "base"),
    "tts": ("neural", "base", "test", "neural-test"),
    "tts-fork": ("neural", "base", "test", "neural-test"),
    "vision": ("neural", "base", "test", "neural-test"),
    "lipsync": ("neural", "base", "test", "neural-test"),
}
"""Each lock is compiled under the ones before it; but see `_constraints`."""

_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def renew_locks(names: Iterable[str], *, upgrade: bool = False) -> None:
    """Compile the locks of the named environments in place, keeping the versions that may stay."""
    log = _new_log()
    uv = find_uv(os.environ) or fetch_uv(log)
    for name in names:
        environment = _environment(name)
        for path in _compile(uv, environment, environment.folder, log, upgrade=upgrade):
            print(f"{path}: {len(pins(path))} packages", file=sys.stderr)


def check_locks(names: Iterable[str]) -> None:
    """EnvironmentMissing where a `pyproject.toml` no longer gives what its locks say."""
    log = _new_log()
    uv = find_uv(os.environ) or fetch_uv(log)
    moved = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            environment = _environment(name)
            folder = Path(scratch) / name
            folder.mkdir()
            for kind in _ORDER[name]:
                shutil.copy(environment.lock(kind), folder)
            for path in _compile(uv, environment, folder, log):
                committed = environment.folder / path.name
                changes = pins(path) ^ pins(committed)
                if changes:
                    packages = ", ".join(sorted({package for package, _ in changes})[:5])
                    moved.append(f"{committed} ({packages})")
    if moved:
        raise EnvironmentMissing(
            f"These locks do not follow from their pyproject.toml: {'; '.join(moved)}.", "Run `make lock`."
        )


def pins(lock: Path) -> set[tuple[str, str]]:
    """Name and version of each requirement in a lock."""
    return set(_REQUIREMENT.findall(lock.read_text(encoding="utf-8")))


def _compile(
    uv: Uv, environment: Environment, folder: Path, log: Path, *, upgrade: bool = False
) -> list[Path]:
    """Compile all locks of an environment into `folder`; where one lies there, its versions are preferred."""
    written: list[Path] = []
    for kind in _ORDER[environment.name]:
        output = folder / KINDS[kind]
        uv.run(
            "pip", "compile", str(environment.folder / "pyproject.toml"),
            "--universal", "--python-version", environment.python,
            # Nothing that names a host or a path: the lock must install from any index.
            "--generate-hashes", "--no-annotate", "--no-header",
            "--no-emit-index-url", "--no-emit-find-links",
            *_extras(kind),
            *_constraints(environment.name, kind, written),
            *(["--upgrade"] if upgrade else []),
            "--output-file", str(output),
            purpose=f"resolve the {kind} lock of the {environment.name} environment",
            log=log,
            folder=environment.folder,
        )  # fmt: skip
        written.append(output)
    return written


def _extras(kind: str) -> list[str]:
    """The extras of pyproject.toml that a kind takes: "neural-test" takes two."""
    return [] if kind == "base" else [part for extra in kind.split("-") for part in ("--extra", extra)]


def _constraints(name: str, kind: str, written: list[Path]) -> list[str]:
    # Today's torch has a neural lock name CUDA's packages for some Pythons and machines apart. As a
    # constraint on another lock with torch, that has uv resolve for those too, and there are no wheels for
    # them. So that lock's versions are the other's as long as its own are kept; a test compares them.
    apart = name in ("vision", "lipsync") and kind == "neural-test"
    locks = [lock for lock in written if not apart or lock.name != KINDS["neural"]]
    return [argument for lock in locks for argument in ("--constraint", str(lock))]


def _environment(name: str) -> Environment:
    if name not in ENVIRONMENTS:
        raise InputError(f"There is no environment {name!r}.", f"There are {', '.join(ENVIRONMENTS)}.")
    return ENVIRONMENTS[name]


def _new_log() -> Path:
    folder = paths.logs_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / "lock.log"
    log.write_text("", encoding="utf-8")
    return log
