"""Sets up the environments that a command needs, where they are not there yet."""

from __future__ import annotations

from orchestrator.environments import ENVIRONMENTS, sync
from shared_schema.errors import EnvironmentMissing

__all__ = ["ensure"]


def ensure(*names: str, quiet: bool = False) -> None:
    """Set up those of the named environments that are missing or stale; says nothing where all are ready."""
    missing = []
    for name in names:
        try:
            ENVIRONMENTS[name].require()
        except EnvironmentMissing:
            missing.append(name)
    if missing:
        sync(missing, quiet=quiet)
