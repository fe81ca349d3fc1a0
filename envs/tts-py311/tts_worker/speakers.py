"""The voices that an engine has of its own, by name."""

from __future__ import annotations

from collections.abc import Sequence

from shared_schema.errors import InputError

__all__ = ["speaker_named"]

MOST_NAMED = 5
"""Voices that an error lists."""


def speaker_named(wanted: str, names: Sequence[str], whose: str, near: Sequence[str] = ()) -> str:
    """The one of `names` that was wanted, in its own spelling. InputError, with some that there are.

    `whose` is the model as people know it; `near` are those to offer first.
    """
    found = {name.lower(): name for name in names}.get(wanted.lower())
    if found is None:
        some = ", ".join((near or names)[:MOST_NAMED])
        raise InputError(
            f"{whose} has no speaker {wanted!r}.",
            f"There are {len(names)}, among them {some}." if some else "Leave --speaker out: none is here.",
        )
    return found
