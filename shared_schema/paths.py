"""Where state lives: everything under `AVATAR_HOME` if it is set, else in the XDG folders.

    what     under AVATAR_HOME    default
    data     data                 $XDG_DATA_HOME/avatar     ~/.local/share/avatar    private uv
    models   models               ... /avatar/models        ... /avatar/models       weights
    state    state                $XDG_STATE_HOME/avatar    ~/.local/state/avatar    logs, jobs
    cache    cache                $XDG_CACHE_HOME/avatar    ~/.cache/avatar          what can be made again
    runtime  run                  $XDG_RUNTIME_DIR/avatar   <temp>/avatar-<uid>      sockets, locks

Standard library only and Python 3.9: the bootstrap uses it before any environment exists.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = [
    "cache_dir",
    "data_dir",
    "jobs_dir",
    "logs_dir",
    "models_dir",
    "runtime_dir",
    "state_dir",
    "voices_dir",
]


def _home() -> Path | None:
    value = os.environ.get("AVATAR_HOME")
    return Path(value).expanduser().absolute() if value else None


def _folder(own: str, variable: str, default: str) -> Path:
    home = _home()
    if home is not None:
        return home / own
    base = os.environ.get(variable, "")
    # The XDG specification says that relative paths are to be ignored.
    root = Path(base) if base.startswith(os.sep) else Path.home() / default
    return root / "avatar"


def data_dir() -> Path:
    """Tools that were fetched."""
    return _folder("data", "XDG_DATA_HOME", ".local/share")


def models_dir() -> Path:
    """One folder for each model's weights, and which licences were accepted."""
    home = _home()
    return home / "models" if home is not None else data_dir() / "models"


def voices_dir() -> Path:
    """What neural engines have computed of voices, by the digest of the recordings."""
    return cache_dir() / "voices"


def state_dir() -> Path:
    """Logs and jobs."""
    return _folder("state", "XDG_STATE_HOME", ".local/state")


def cache_dir() -> Path:
    """What can be made again."""
    return _folder("cache", "XDG_CACHE_HOME", ".cache")


def logs_dir() -> Path:
    """One log file a worker and start."""
    return state_dir() / "logs"


def jobs_dir() -> Path:
    """One folder a job, while it runs."""
    return state_dir() / "jobs"


def runtime_dir() -> Path:
    """Sockets and locks; the systemd user directory where there is one, else a private temp folder."""
    home = _home()
    if home is not None:
        return home / "run"
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if base.startswith(os.sep) and os.access(base, os.W_OK | os.X_OK):
        return Path(base) / "avatar"
    return Path(tempfile.gettempdir()) / f"avatar-{os.getuid()}"
