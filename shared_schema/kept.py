"""Files that are kept because they may be of use again, the newest of them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["forget_oldest"]


def forget_oldest(folder: Path, pattern: str, most: int) -> None:
    """Remove all but `most` files of a folder that match a pattern; those used longest ago go first.

    Whoever uses one must touch it (`os.utime`).
    """
    kept = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[most:]:
        path.unlink(missing_ok=True)
