"""How much of a device all workers together may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.words import size
from shared_schema.errors import InputError

__all__ = ["gpu_reserve", "wanted_budget"]

# What a worker states is what was measured of it; cuDNN's workspaces and the gaps between an allocator's
# blocks differ by some per cent with driver and card, and a desktop on the same card grows with each window.
# 256 MiB is about one CUDA context: where 5 % are less, one unforeseen process would not fit.
RESERVE_SHARE = 0.05
RESERVE_LEAST = 256 << 20

_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?b|b|%)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1} | {
    f"{letter}{kind}": base**power
    for power, letter in enumerate("kmgt", 1)
    for kind, base in (("b", 1000), ("ib", 1024))
}


def gpu_reserve(total: int) -> int:
    """Bytes that stay free of a GPU of `total` bytes."""
    return min(total, max(int(total * RESERVE_SHARE), RESERVE_LEAST))


def wanted_budget(environment: Mapping[str, str], name: str, total: int) -> int | None:
    """What AVATAR_BUDGET says for a device of `total` bytes, None where it says nothing.

    Raises InputError where it is not an amount, or none that this device has.
    """
    text = environment.get("AVATAR_BUDGET", "").strip()
    if not text:
        return None
    form = _FORM.fullmatch(text)
    if form is None:
        raise InputError(
            f"AVATAR_BUDGET is {text!r}: not an amount of memory.",
            "Say for example 6GB, 6.5GiB, 80% or bytes.",
        )
    number, unit = float(form[1]), (form[2] or "").lower()
    wanted = int(total * number / 100) if unit == "%" else int(number * _UNITS[unit])
    if not 0 < wanted <= total:
        raise InputError(f"AVATAR_BUDGET is {text!r}, but {name} has {size(total)}.")
    return wanted
