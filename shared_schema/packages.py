"""What is installed in this environment, found out without importing it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

from shared_schema.engine import Availability

__all__ = ["availability_of", "version_with"]


def availability_of(packages: Iterable[str], environment: str, option: str = "") -> Availability:
    """Ready where all these packages are; else the first that is missing, and the command that brings it.

    `option` is what that command needs besides: "--neural" for the heavy packages.
    """
    for name in packages:
        if not _version(name):
            return Availability(
                ready=False,
                lacks=f"The package {name} is not installed in the {environment} environment.",
                remedy=f"Run `avatar envs sync {environment}{option and ' '}{option}`.",
            )
    return Availability(ready=True)


def version_with(revision: str, packages: Iterable[str]) -> str:
    """An engine's version: its own revision, and in brackets the packages that its results depend on."""
    found = ", ".join(f"{name} {_version(name) or 'absent'}" for name in packages)
    return f"{revision} ({found})"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
