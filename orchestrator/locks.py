"""Files that say "in use": held by `flock(2)`, so that they are free again however their holder ends."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

__all__ = ["LOCK_NAME", "sweep", "try_lock"]

LOCK_NAME = "lock"


def try_lock(folder: Path) -> int | None:
    """Lock a folder through its lock file; the descriptor that holds it, or None if another holds it."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def sweep(parent: Path) -> list[Path]:
    """Remove the folders in `parent` that a killed process left behind; what was removed.

    A folder without a lock file is one that is just being made, and is left alone.
    """
    removed = []
    for folder in sorted(parent.iterdir()):
        if not (folder / LOCK_NAME).is_file():
            continue
        descriptor = try_lock(folder)
        if descriptor is None:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
        removed.append(folder)
    return removed
