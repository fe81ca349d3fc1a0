"""Setting up the voices' environments, beside what `pip install TTS==0.22.0` makes of its own metadata.

Wheels come from the cache where they are in it: a second call shows what is left without the network. For its
time it takes some GB of disk.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from orchestrator.environments import ENVIRONMENTS, prepare
from orchestrator.interpreters import find_interpreter
from shared_schema.errors import EnvironmentMissing
from tests.bench.measure import ROOT, Run, run, say

DEAD = "TTS==0.22.0"
TOLD = ("torch", "torchaudio", "transformers", "numpy")
"""Packages whose versions tell whether the set can run: docs/explanation/decisions/0011."""


def main() -> None:
    """Both environments from nothing, then the dead package's own tree, resolved by pip and by uv."""
    (ROOT / ".nox").mkdir(exist_ok=True)
    # On the file system of the environments, as a user's: packages are linked from the cache, not copied.
    with tempfile.TemporaryDirectory(dir=ROOT / ".nox") as folder:
        for name in ("tts", "tts-fork"):
            environment = ENVIRONMENTS[name].elsewhere(Path(folder) / name)
            count = len(_versions(environment.lock("neural")))
            code = f"import sys; from tests.bench.install import set_up; set_up({name!r}, sys.argv[1])"
            seconds = run([sys.executable, "-c", code, environment.venv]).wall
            say(f"{name}: {count} packages, from nothing to ready", f"{seconds:.0f} s")
        _dead_tree(Path(folder))


def set_up(name: str, folder: str) -> None:
    """Make an environment in a folder, with its neural packages."""
    try:
        prepare([ENVIRONMENTS[name].elsewhere(Path(folder))], "neural", quiet=True)
    except EnvironmentMissing as error:
        sys.exit(str(error))


def _dead_tree(folder: Path) -> None:
    python = find_interpreter("3.11").path
    run([python, "-m", "venv", folder / "plain"])
    report = folder / "report.json"
    command = [
        folder / "plain/bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--report",
        report,
    ]
    _say_resolved("pip install", [*command, DEAD], report)
    uv = Path(sys.executable).with_name("uv")
    wanted = folder / "wanted.in"
    wanted.write_text(DEAD)
    pinned = folder / "pinned.txt"
    command = [uv, "pip", "compile", "--quiet", "--no-config", "--python", python, "-o", pinned, wanted]
    _say_resolved("uv pip compile", command, pinned)


def _say_resolved(what: str, command: list[object], result: Path) -> None:
    try:
        done: Run = run(command)
    except subprocess.CalledProcessError as error:
        say(f"{what} {DEAD}, its own tree", f"fails with status {error.returncode}")
        return
    versions = _versions(result)
    chosen = ", ".join(f"{name} {versions[name]}" for name in TOLD if name in versions)
    say(f"{what} {DEAD}, its own tree resolved, nothing installed", f"{done.wall:.0f} s")
    say(f"  {len(versions)} packages, among them", chosen)


def _versions(result: Path) -> dict[str, str]:
    """What was resolved: pip's report, or a requirements file."""
    text = result.read_text(encoding="utf-8")
    if result.suffix == ".json":
        found = (entry["metadata"] for entry in json.loads(text)["install"])
        return {entry["name"].lower(): entry["version"] for entry in found}
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE))
