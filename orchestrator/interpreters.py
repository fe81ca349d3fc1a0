"""Finds a CPython of a given version wherever the machine keeps one, without its being activated.

    uv's own · pyenv, asdf, mise · the system, deadsnakes, Homebrew · the PATH · conda

What a path says is not believed: each candidate is run. Shims that fail, PyPy, free-threaded builds
and builds without the modules we need are passed over. Standard library only and Python 3.9: the
bootstrap uses it before any environment exists.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared_schema.errors import EnvironmentMissing

__all__ = ["Interpreter", "find_interpreter", "folders_of_versions"]

PATIENCE = 30.0
"""Seconds within which an interpreter must say what it is; a cold disk takes some."""

# The base executable, because the candidate may stand in a virtual environment that is about to go.
_PROBE = """
import importlib.util, json, sys, sysconfig
print(json.dumps({
    "implementation": sys.implementation.name,
    "version": list(sys.version_info[:3]),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
    "lacks": [name for name in ("_ctypes", "_sqlite3", "_ssl", "zlib") if not importlib.util.find_spec(name)],
}))
"""

_SYSTEM_FOLDERS = (
    "/usr/local/bin",
    "/usr/bin",
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/Library/Frameworks/Python.framework/Versions/{version}/bin",
)


@dataclass(frozen=True)
class Interpreter:
    """A CPython that was run and said what it is."""

    path: Path
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return "Python {}.{}.{}".format(*self.version)


@dataclass(frozen=True)
class _Answer:
    """What an interpreter says to the probe."""

    implementation: str
    version: list[int]
    free_threaded: bool
    executable: str
    lacks: list[str]

    @property
    def fault(self) -> str:
        if self.free_threaded:
            return "is a free-threaded build"
        return f"was built without {', '.join(self.lacks)}" if self.lacks else ""


def find_interpreter(version: str, environ: Mapping[str, str] | None = None) -> Interpreter:
    """The newest CPython of `version` ("3.11") on this machine; EnvironmentMissing where there is none."""
    wanted = tuple(int(part) for part in version.split("."))
    usable: list[Interpreter] = []
    unusable: list[str] = []
    for candidate in _candidates(version, os.environ if environ is None else environ):
        answer = _ask(candidate)
        if answer is None or tuple(answer.version[:2]) != wanted or answer.implementation != "cpython":
            continue
        if answer.fault:
            unusable.append(f"{candidate} {answer.fault}")
        else:
            major, minor, patch = answer.version
            usable.append(Interpreter(Path(answer.executable), (major, minor, patch)))
    if not usable:
        raise _missing(version, unusable)
    return max(usable, key=lambda interpreter: interpreter.version)


def folders_of_versions(environ: Mapping[str, str], version: str = "") -> Iterator[Path]:
    """The `bin` folders of the interpreters that pyenv, asdf and mise keep, whether activated or not."""
    home = Path(environ.get("HOME", "/"))
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    stores = (
        Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(environ.get("ASDF_DATA_DIR") or home / ".asdf") / "installs" / "python",
        Path(environ.get("MISE_DATA_DIR") or data / "mise") / "installs" / "python",
    )
    for store in stores:
        yield from sorted(store.glob(f"{version}.*/bin" if version else "*/bin"))


def _candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Executables that may be of this version, each file once."""
    seen = set()
    for folder in _folders(version, environ):
        candidate = folder / f"python{version}"
        if not os.access(candidate, os.X_OK) or candidate.is_dir():
            continue
        real = candidate.resolve()
        if real not in seen:
            seen.add(real)
            yield candidate


def _folders(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME", "/"))
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    own = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    yield from sorted(own.glob(f"cpython-{version}.*/bin"))
    yield from folders_of_versions(environ, version)
    yield from (Path(folder.format(version=version)) for folder in _SYSTEM_FOLDERS)
    yield from (Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder)
    prefixes = [home / name for name in ("miniconda3", "anaconda3", "miniforge3", "mambaforge")]
    for prefix in (*prefixes, Path("/opt/conda"), Path(environ.get("CONDA_PREFIX") or "/opt/conda")):
        yield prefix / "bin"
        yield from sorted(prefix.glob("envs/*/bin"))


def _ask(candidate: Path) -> _Answer | None:
    """What the candidate says of itself; None where it does not run, as a shim of another version."""
    command = [str(candidate), "-I", "-S", "-c", _PROBE]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=True,
        )
        return _Answer(**json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return None


def _missing(version: str, unusable: list[str]) -> EnvironmentMissing:
    known = f" ({'; '.join(unusable)})" if unusable else ""
    return EnvironmentMissing(
        f"Python {version} is not on this machine{known}.",
        f"Get it with `pyenv install {version}`, with `uv python install {version}`,"
        f" or on Ubuntu from the deadsnakes archive with `sudo apt install python{version}`.",
    )
