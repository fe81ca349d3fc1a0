"""Fetches a uv of our own from the package registry, by way of pip, where the machine has none.

Standard library only and Python 3.9: the bootstrap uses it before any environment exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from orchestrator.interpreters import find_interpreter
from orchestrator.uv import REQUIREMENT, Uv, private_folder, usable_uv
from shared_schema.errors import EnvironmentMissing

__all__ = ["fetch_uv"]


def fetch_uv(log: Path) -> Uv:
    """Install uv into the data folder; EnvironmentMissing where no Python here can.

    pip does it, so that the user's index and proxy settings hold.
    """
    target = private_folder()
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    try:
        for python in _pythons():
            for way in (_with_its_pip, _with_a_venv):
                shutil.rmtree(partial, ignore_errors=True)
                reason = way(python, partial, log)
                if not reason and usable_uv(partial / "bin" / "uv"):
                    return _publish(partial, target)
                reasons.append(reason or "what pip installed does not run")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    raise EnvironmentMissing(
        f"uv is not on this machine and could not be fetched: {reasons[-1]}.",
        f"Install uv by hand, or the package python3-venv, and try again. The whole log: {log}",
    )


def _pythons() -> Iterator[str]:
    """Our own interpreter, then others: Debian's own has neither pip nor venv as it comes."""
    yield sys.executable
    for version in ("3.12", "3.11"):
        try:
            yield str(find_interpreter(version).path)
        except EnvironmentMissing:
            continue


def _with_its_pip(python: str, target: Path, log: Path) -> str:
    return _run([python, "-m", "pip", "install", "--target", str(target), REQUIREMENT], log)


def _with_a_venv(python: str, target: Path, log: Path) -> str:
    failed = _run([python, "-m", "venv", str(target)], log)
    return failed or _run([str(target / "bin" / "python"), "-m", "pip", "install", REQUIREMENT], log)


def _run(command: list[str], log: Path) -> str:
    """Run it with its output in the log; its last words where it fails."""
    own = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(
        command,
        env={**kept, **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    with log.open("a", encoding="utf-8") as record:
        record.write(f"$ {' '.join(command)}\n{done.stdout}")
    if not done.returncode:
        return ""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [f"{command[0]} ended with status {done.returncode}"])[-1][:400].rstrip(".")


def _publish(partial: Path, target: Path) -> Uv:
    """Put it into place; an unusable one goes, and of two who fetched at once either will do."""
    binary = target / "bin" / "uv"
    if not usable_uv(binary):
        shutil.rmtree(target, ignore_errors=True)
    try:
        partial.rename(target)
    except OSError:
        if not usable_uv(binary):
            raise
    return Uv(binary)
