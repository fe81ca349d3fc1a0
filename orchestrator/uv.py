"""Finds uv, or fetches a copy of our own, and runs it: its lines go to a log and to a listener.

Standard library only and Python 3.9: the bootstrap uses it before any environment exists.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.interpreters import folders_of_versions
from shared_schema.errors import EnvironmentMissing
from shared_schema.paths import data_dir

__all__ = ["REQUIREMENT", "RegistryUnreachable", "Uv", "find_uv", "private_folder", "settings", "usable_uv"]

REQUIREMENT = "uv>=0.9,<1"
"""What is fetched where no uv is found; 0.9 is also the lower bound of the build backend inside uv."""

_OLDEST, _TOO_NEW = (0, 9), (1, 0)

_CONTAMINANTS = (
    "CONDA_PREFIX",
    "PYTHONHOME",
    "PYTHONPATH",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_REQUIRE_HASHES",
    "VIRTUAL_ENV",
)
"""Settings of the caller's shell that would point uv at another environment, or bend a lock."""

_NETWORK = re.compile(
    r"error sending request|request failed|failed to fetch|dns error|timed out|connection (refused|reset)",
    re.IGNORECASE,
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class RegistryUnreachable(EnvironmentMissing):
    """Raised when uv could not reach the package registry."""

    code = "registry-unreachable"


@dataclass(frozen=True)
class Uv:
    """A uv that runs."""

    path: Path

    def run(
        self,
        *arguments: str,
        purpose: str,
        log: Path,
        folder: Path,
        listener: Callable[[str], None] = lambda _line: None,
        held: int | None = None,
    ) -> None:
        """Run it in `folder`, each line of its stderr to `log` and `listener`.

        The descriptor `held` stays open in it: a lock then outlives us as long as uv works.
        Raises EnvironmentMissing with the gist of what uv said where it fails: "uv could not `purpose`".
        """
        lines = []
        with log.open("a", encoding="utf-8") as record:
            record.write(f"$ uv {' '.join(arguments)}\n")
            record.flush()
            process = subprocess.Popen(
                [str(self.path), *arguments],
                cwd=folder,
                env=settings(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=record,
                stderr=subprocess.PIPE,
                pass_fds=() if held is None else (held,),
                encoding="utf-8",
                errors="replace",
            )
            with process:
                try:
                    for line in process.stderr or ():
                        record.write(line)
                        lines.append(line)
                        listener(line)
                except BaseException:
                    process.terminate()
                    raise
        if process.returncode:
            raise _failure(purpose, lines, process.returncode, log)


def find_uv(environ: Mapping[str, str]) -> Uv | None:
    """A uv on this machine that runs and is of a version we know; $AVATAR_UV before any other."""
    for candidate in _candidates(environ):
        if os.access(candidate, os.X_OK) and usable_uv(candidate):
            return Uv(candidate)
    return None


def private_folder() -> Path:
    """Where a uv of our own lies."""
    return data_dir() / "uv"


def usable_uv(path: Path) -> bool:
    """Whether this runs (a pyenv shim may not) and its version is within our range."""
    try:
        done = subprocess.run(
            [str(path), "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.match(rb"uv (\d+)\.(\d+)", done.stdout)
    return found is not None and _OLDEST <= (int(found[1]), int(found[2])) < _TOO_NEW


def settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables uv runs with: the caller's, without what would mislead it.

    Who set pip to a mirror and says nothing to uv means that mirror, and its certificate.
    """
    kept = {name: value for name, value in environ.items() if name not in _CONTAMINANTS}
    pip = _pip_settings(environ)
    if "index-url" in pip and not _configures_uv(environ):
        kept["UV_DEFAULT_INDEX"] = pip["index-url"]
    if "cert" in pip:
        kept.setdefault("SSL_CERT_FILE", pip["cert"])
    # Progress bars are ours to draw; colours would be in the way of reading.
    return {**kept, "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("AVATAR_UV"):
        yield Path(environ["AVATAR_UV"])
    for folder in environ.get("PATH", "").split(os.pathsep):
        if folder:
            yield Path(folder) / "uv"
    home = Path(environ.get("HOME", "/"))
    yield from (home / ".local" / "bin" / "uv", home / ".cargo" / "bin" / "uv")
    yield private_folder() / "bin" / "uv"
    yield from (folder / "uv" for folder in folders_of_versions(environ))


def _configures_uv(environ: Mapping[str, str]) -> bool:
    variables = ("UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_NO_INDEX")
    user = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    files = (user / "uv" / "uv.toml", Path("/etc/uv/uv.toml"))
    return any(environ.get(name) for name in variables) or any(file.is_file() for file in files)


def _pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """What pip's files and variables say about the index; later files win, variables before all."""
    home = Path(environ.get("HOME", "/"))
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    files += [home / ".pip" / "pip.conf", user / "pip" / "pip.conf"]
    if environ.get("PIP_CONFIG_FILE"):
        # pip's own convention: the null device means no files at all.
        own = Path(environ["PIP_CONFIG_FILE"])
        files = [] if own == Path(os.devnull) else [*files, own]
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(files, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        # Not ours to mend; pip itself will complain.
        return {}
    found = dict(parser["global"]) if parser.has_section("global") else {}
    for key in ("index-url", "cert"):
        value = environ.get(f"PIP_{key.upper().replace('-', '_')}")
        if value:
            found[key] = value
    return {key: found[key] for key in ("index-url", "cert") if found.get(key)}


def _failure(purpose: str, lines: list[str], status: int, log: Path) -> EnvironmentMissing:
    gist = _gist(lines) or f"it ended with status {status}"
    message = f"uv could not {purpose}: {gist}."
    if _NETWORK.search(gist):
        hint = "Check the network and the index that uv is set to (UV_DEFAULT_INDEX), and try again."
        return RegistryUnreachable(message, f"{hint} The whole log: {log}")
    return EnvironmentMissing(message, f"The whole log: {log}")


def _gist(lines: list[str]) -> str:
    """The error uv gives and its innermost cause, which is the one that says most, in one line."""
    plain = [" ".join(_ESCAPES.sub("", line).split()) for line in lines]
    for number, line in enumerate(plain):
        if line.startswith(("error:", "× ")):
            causes = [other for other in plain[number + 1 :] if re.match(r"(cause:|Caused by:|╰─▶)", other)]
            words = [line, *causes[:1], *causes[-1:]]
            parts = dict.fromkeys(re.sub(r"^(error:|×|cause:|Caused by:|╰─▶)\s*", "", word) for word in words)
            return "; ".join(parts)[:400].rstrip(".")
    return plain[-1][:400].rstrip(".") if plain else ""
