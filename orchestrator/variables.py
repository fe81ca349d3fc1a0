"""The environment variables of our own: what each means, and what is in force without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["VARIABLES", "Variable", "unknown"]


@dataclass(frozen=True)
class Variable:
    """One variable. `default` is what people are told where it is not set."""

    name: str
    default: str


VARIABLES = (
    Variable("AVATAR_HOME", "the XDG folders"),
    Variable("AVATAR_UV", "the first on PATH"),
    Variable("AVATAR_DEVICE", "all GPUs, else cpu"),
    Variable("AVATAR_BUDGET", "what is free, less a reserve"),
    Variable("AVATAR_PROFILE", "auto"),
    Variable("AVATAR_LEASE", "auto"),
    Variable("AVATAR_RELEASE", "auto"),
    Variable("AVATAR_TTS", "the best that is ready"),
    Variable("AVATAR_TTS_THREADS", "1"),
    Variable("AVATAR_CHECKPOINT", "sdxl-base"),
)
"""All that a person may set; docs/reference/configuration.md says more of each."""

_PREFIX = "AVATAR_"


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Names that look like ours and are none: most likely misspelt."""
    known = {variable.name for variable in VARIABLES}
    return sorted(name for name in environment if name.startswith(_PREFIX) and name not in known)
