"""The environments of this project: which there are, and whether each is what its lock says.

    missing ──sync──> ready ──lock changed──> stale ──sync──> ready
                        └──interpreter gone or wrong, folder moved──> broken ──sync──> ready

Looking is cheap: small files are read and nothing is run. `sync` does the work, in
`orchestrator.installer`. Standard library only and Python 3.9: `orchestrator.bootstrap` uses it before any
environment exists.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from shared_schema import STAMP_NAME
from shared_schema.errors import EnvironmentMissing, InputError

__all__ = [
    "ENVIRONMENTS",
    "KINDS",
    "ROOT",
    "USUAL",
    "Environment",
    "Installed",
    "State",
    "digest",
    "prepare",
    "sync",
]

ROOT = Path(__file__).resolve().parents[1]
"""The project's folder."""

KINDS = {
    "base": "requirements.lock",
    "test": "requirements-test.lock",
    "neural": "requirements-neural.lock",
    "neural-test": "requirements-neural-test.lock",
    "dev": "requirements-dev.lock",
}
"""What an environment may hold. Every other kind holds the base too."""


class State(enum.Enum):
    """What an environment is good for."""

    MISSING = "missing"
    BROKEN = "broken"
    STALE = "stale"
    READY = "ready"


@dataclass(frozen=True)
class Installed:
    """What is there. `why` is a sentence about what is wrong; `python` is the full version, if known."""

    state: State
    why: str = ""
    kind: str = ""
    python: str = ""


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the project whose locks it follows. `python` is its version ("3.11").

    An `editable` one has the project itself installed; the others import it from where it lies, and with it
    the code of another environment's worker that they share: `shares` is its folder.
    """

    name: str
    folder: Path
    python: str
    venv: Path
    editable: bool = False
    shares: Path | None = None

    @property
    def python_path(self) -> Path:
        """The interpreter to start."""
        return self.venv / "bin" / "python"

    @property
    def kinds(self) -> list[str]:
        """The kinds this environment has a lock for."""
        return [kind for kind in KINDS if self.lock(kind).is_file()]

    def lock(self, kind: str = "base") -> Path:
        """The file that says what belongs into the environment."""
        return self.folder / KINDS[kind]

    def lock_digest(self) -> str:
        """SHA-256 (hex) of the lock that the environment should follow: that of the kind installed."""
        return digest(self.lock(self.installed().kind or "base"))

    def elsewhere(self, venv: Path) -> Environment:
        """The same environment at another place: what nox tests in."""
        return replace(self, venv=venv)

    def installed(self) -> Installed:
        """Look at what is there, in under 5 ms."""
        stamp = _read_stamp(self.venv / STAMP_NAME)
        if not stamp:
            words = "was not set up to the end" if self.venv.is_dir() else "is not set up"
            return Installed(State.MISSING, f"The {self.name} environment {words}.")
        python = _configured_version(self.venv / "pyvenv.cfg")
        kind = stamp["kind"] if stamp.get("kind") in self.kinds else "base"
        fault = self._fault(stamp, python)
        if fault:
            return Installed(State.BROKEN, fault, kind, python)
        if stamp.get("lock") != digest(self.lock(kind)):
            words = f"The {self.name} environment was installed from another lock than the checkout's."
            return Installed(State.STALE, words, kind, python)
        return Installed(State.READY, "", kind, python)

    def is_ready(self, kind: str = "base") -> bool:
        """Whether it can be used as `kind`; the base is part of every kind."""
        found = self.installed()
        return found.state is State.READY and kind in {"base", found.kind}

    def require(self) -> None:
        """EnvironmentMissing, with what is wrong and the command that mends it, unless it is ready."""
        found = self.installed()
        if found.state is not State.READY:
            raise EnvironmentMissing(found.why, f"Run `{self.remedy}`.")

    @property
    def remedy(self) -> str:
        """The command that sets this environment up."""
        return "make setup" if self.editable else f"avatar envs sync {self.name}"

    def describe(self) -> str:
        """A few words for a list: "ready: base, Python 3.11.7"."""
        found = self.installed()
        if found.state is State.READY:
            return f"ready: {found.kind}, Python {found.python}"
        return f"{found.state.value}: Python {self.python} wanted"

    def _fault(self, stamp: dict[str, str], python: str) -> str:
        """What makes the whole environment unusable, so that it must be made anew."""
        if not os.access(self.python_path, os.X_OK):
            return f"The interpreter of the {self.name} environment is gone."
        if not python.startswith(f"{self.python}."):
            return f"The {self.name} environment runs Python {python or '?'} but needs {self.python}."
        if stamp.get("venv") != str(self.venv) or stamp.get("root") != str(ROOT):
            return f"The {self.name} environment was made for another folder than {self.venv}."
        return ""


def _worker(name: str, folder: str, python: str, shares: str = "") -> Environment:
    path = ROOT / "envs" / folder
    return Environment(name, path, python, path / ".venv", shares=ROOT / "envs" / shares if shares else None)


ENVIRONMENTS = {
    "orchestrator": Environment("orchestrator", ROOT, "3.12", ROOT / ".venv", editable=True),
    "tts": _worker("tts", "tts-py311", "3.11"),
    "tts-fork": _worker("tts-fork", "tts-fork-py312", "3.12", shares="tts-py311"),
    "vision": _worker("vision", "vision-py312", "3.12"),
    "lipsync": _worker("lipsync", "lipsync", "3.12"),
}


USUAL = [name for name, environment in ENVIRONMENTS.items() if environment.shares is None]
"""What is set up unless names are given. One that shares another's code is a second way to do the same."""


def sync(names: Iterable[str], kind: str = "base", *, quiet: bool = False, force: bool = False) -> None:
    """Bring the named environments to what their locks say; returns at once where they are.

    Progress goes to stderr, unless `quiet`. With `force`, what was added by hand is removed too.
    Raises EnvironmentMissing where that is not possible, InputError for a name or kind there is not.
    """
    names = list(names)
    unknown = [name for name in names if name not in ENVIRONMENTS]
    if unknown:
        raise InputError(f"There is no environment {unknown[0]!r}.", f"There are {', '.join(ENVIRONMENTS)}.")
    prepare([ENVIRONMENTS[name] for name in names], kind, quiet=quiet, force=force)


def prepare(
    environments: Iterable[Environment], kind: str, *, quiet: bool = False, force: bool = False
) -> None:
    """`sync` for environments in hand, which may lie elsewhere."""
    wanted = [environment for environment in environments if force or not environment.is_ready(kind)]
    for environment in wanted:
        if kind not in environment.kinds:
            has = ", ".join(environment.kinds)
            raise InputError(f"The {environment.name} environment has no {kind} lock.", f"It has {has}.")
    if wanted:
        # Only now: looking must stay cheap.
        from orchestrator.installer import install  # noqa: PLC0415

        install(wanted, kind, quiet=quiet, force=force)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_stamp(path: Path) -> dict[str, str]:
    """The stamp; empty where there is none, or none that set-up wrote."""
    try:
        stamp = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _configured_version(path: Path) -> str:
    """The version in pyvenv.cfg: uv writes it as `version_info`, the venv module as `version`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    settings = dict(line.replace(" ", "").split("=", 1) for line in lines if "=" in line)
    return settings.get("version_info") or settings.get("version", "")
