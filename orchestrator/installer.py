"""Makes environments what their locks say.

    lock the folder ─> remove the stamp ─> venv, its version asked ─> packages ─> local code ─> stamp

The stamp comes last, so an interrupted set-up leaves an environment that counts as missing. Standard
library only and Python 3.9: the bootstrap uses it before any environment exists.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from orchestrator.environments import ROOT, Environment, State, digest
from orchestrator.fetch_uv import fetch_uv
from orchestrator.interpreters import Interpreter, find_interpreter
from orchestrator.progress import SetupProgress
from orchestrator.uv import Uv, find_uv
from shared_schema import STAMP_NAME, paths
from shared_schema.errors import EnvironmentMissing

__all__ = ["PATH_FILE", "install"]

PATH_FILE = "avatar-local.pth"
"""In site-packages: the folders from which a worker imports the schema and its own package."""


def install(
    environments: Sequence[Environment], kind: str, *, quiet: bool = False, force: bool = False
) -> None:
    """Set the environments up one after another, with progress on stderr.

    Raises EnvironmentMissing, with a hint, where an interpreter, uv or a package cannot be had.
    """
    with SetupProgress(len(environments), sys.stderr, quiet=quiet) as progress:
        for environment in environments:
            try:
                _Setup(environment, kind, progress).run(force=force)
            except OSError as error:
                raise EnvironmentMissing(
                    f"The {environment.name} environment cannot be set up: {error}.",
                    f"Is {environment.venv.parent} writable, and is there space left?",
                ) from error
            progress.finish_one()


class _Setup:
    """The set-up of one environment."""

    def __init__(self, environment: Environment, kind: str, progress: SetupProgress) -> None:
        self._environment = environment
        self._kind = kind
        self._progress = progress
        self._held = -1

    def run(self, *, force: bool) -> None:
        """All steps, under the folder's lock; nothing where another process has just done them."""
        environment = self._environment
        wait = functools.partial(self._say, "another process sets it up; waiting")
        with _locked(environment.venv.parent, wait) as self._held:
            if environment.is_ready(self._kind) and not force:
                return
            found = environment.installed()
            # Who once asked for more than the base keeps it when the lock changes.
            kind = found.kind if self._kind == "base" and found.kind else self._kind
            self._log = _new_log(environment.name)
            self._progress.note(f"{environment.name}: looking for uv and Python")
            uv = find_uv(os.environ) or self._fetch_uv()
            (environment.venv / STAMP_NAME).unlink(missing_ok=True)
            anew = found.state in {State.MISSING, State.BROKEN}
            python = str(self._make_venv(uv)) if anew else f"Python {found.python}"
            self._install_packages(uv, kind, python)
            self._add_local_code(uv)
            self._write_stamp(kind, self._verify("import shared_schema"))

    def _say(self, words: str) -> None:
        self._progress.say(f"{self._environment.name}: {words}")

    def _uv(self, uv: Uv, *arguments: str, purpose: str) -> None:
        uv.run(
            *arguments,
            purpose=purpose,
            log=self._log,
            folder=self._environment.folder,
            listener=self._progress.hear,
            held=self._held,
        )

    def _fetch_uv(self) -> Uv:
        self._say("fetching uv")
        return fetch_uv(self._log)

    def _make_venv(self, uv: Uv) -> Interpreter:
        environment = self._environment
        interpreter = self._interpreter(uv)
        self._uv(
            uv, "venv", "--clear", "--no-project", "--python", str(interpreter.path), str(environment.venv),
            purpose=f"make the {environment.name} environment",
        )  # fmt: skip
        self._verify()
        return interpreter

    def _interpreter(self, uv: Uv) -> Interpreter:
        version = self._environment.python
        try:
            return find_interpreter(version)
        except EnvironmentMissing as missing:
            self._say(f"fetching Python {version}")
            try:
                self._uv(uv, "python", "install", "--no-bin", version, purpose=f"fetch Python {version}")
            except EnvironmentMissing as failure:
                hint = f"{missing.hint} The whole log: {self._log}"
                raise EnvironmentMissing(f"{missing.message} {failure.message}", hint) from failure
            return find_interpreter(version)

    def _install_packages(self, uv: Uv, kind: str, python: str) -> None:
        environment = self._environment
        lock = environment.lock(kind)
        count = len(re.findall(r"^[A-Za-z0-9]", lock.read_text(encoding="utf-8"), re.MULTILINE))
        self._say(f"{python}, {count} packages")
        self._uv(
            # Compiled now, workers start in a third of the time, also where folders are read-only later.
            uv, "pip", "sync", "--compile-bytecode", "--require-hashes",
            "--python", str(environment.python_path), str(lock),
            purpose=f"install the packages of the {environment.name} environment",
        )  # fmt: skip

    def _add_local_code(self, uv: Uv) -> None:
        """The code of this checkout, from where it lies: an edit counts at the next start."""
        environment = self._environment
        if environment.editable:
            self._uv(
                uv, "pip", "install", "--no-deps", "--python", str(environment.python_path), "-e", str(ROOT),
                purpose="install the orchestrator itself",
            )  # fmt: skip
            return
        packages = environment.venv / "lib" / f"python{environment.python}" / "site-packages"
        folders = [ROOT, environment.folder, *([environment.shares] if environment.shares else [])]
        lines = "".join(f"{folder}\n" for folder in folders)
        (packages / PATH_FILE).write_text(lines, encoding="utf-8")

    def _verify(self, code: str = "") -> str:
        """The version that the environment's interpreter itself gives; refused where it is the wrong one."""
        environment = self._environment
        code = f"import platform; print(platform.python_version()); {code}"
        command = [str(environment.python_path), "-I", "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        version = done.stdout.strip()
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise EnvironmentMissing(f"The interpreter of the {environment.name} environment fails: {last}.")
        if not version.startswith(f"{environment.python}."):
            raise EnvironmentMissing(
                f"The {environment.name} environment runs Python {version} but needs {environment.python}.",
                f"Remove {environment.venv} and run `{environment.remedy}`.",
            )
        return version

    def _write_stamp(self, kind: str, python: str) -> None:
        environment = self._environment
        stamp = {
            "lock": digest(environment.lock(kind)),
            "kind": kind,
            "python": python,
            "venv": str(environment.venv),
            "root": str(ROOT),
        }
        partial = environment.venv / f"{STAMP_NAME}.partial"
        partial.write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
        partial.replace(environment.venv / STAMP_NAME)


@contextlib.contextmanager
def _locked(folder: Path, on_wait: Callable[[], None]) -> Iterator[int]:
    """Hold a folder against other set-ups; the descriptor that does. Waits for who holds it now."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _new_log(name: str) -> Path:
    folder = paths.logs_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / f"setup-{name}.log"
    log.write_text("", encoding="utf-8")
    return log
