"""Which weights there are: what `manifest.toml` says of each model, by name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shared_schema.errors import InputError

__all__ = ["Model", "known", "named"]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model. `convert` names the pickled files and the entry of each that holds the tensors ("": all).

    `terms` are those that a user must accept; `alternatives` says what there is for who does not.
    """

    repository: str
    revision: str
    files: list[str]
    bytes: int
    licence: str
    engines: list[str]
    gpu_bytes: int = 0
    convert: dict[str, str] = msgspec.field(default_factory=dict)
    terms: str = ""
    alternatives: str = ""


@functools.cache
def known() -> Mapping[str, Model]:
    """All models by name, in the manifest's order."""
    path = Path(__file__).with_name("manifest.toml")
    return msgspec.toml.decode(path.read_bytes(), type=dict[str, Model])


def named(name: str) -> Model:
    """A model of the manifest. InputError, with those that there are, for another name."""
    try:
        return known()[name]
    except KeyError:
        raise InputError(f"There are no weights {name!r}.", f"There are {', '.join(known())}.") from None
