"""Where the weights of models are, and whether their licences were accepted.

`avatar models` puts each model into a folder of its own, `<models>/<name>/`, complete or not at all; the
record in it says what it holds. Workers only look.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import msgspec

from shared_schema import paths
from shared_schema.engine import Availability
from shared_schema.errors import WeightsError

__all__ = [
    "RECORD_NAME",
    "File",
    "Record",
    "accept_licence",
    "availability_of_weights",
    "find",
    "is_accepted",
    "read_record",
]

RECORD_NAME = "avatar-model.json"
"""Written into a model's folder as the last step before it appears."""

LICENCES_NAME = "licences.json"


class File(msgspec.Struct, frozen=True):
    """A file of a model: its size in bytes and SHA-256 in hex."""

    size: int
    sha256: str


class Record(msgspec.Struct, frozen=True):
    """What a model's folder holds, by relative path. `terms` are the licence's, if it must be accepted."""

    name: str
    revision: str
    licence: str
    files: dict[str, File]
    terms: str = ""


def find(name: str) -> Path | None:
    """The folder of a model's weights, None where they are not here."""
    folder = paths.models_dir() / name
    return folder if (folder / RECORD_NAME).is_file() else None


def read_record(folder: Path) -> Record:
    """What a model's folder says of itself. WeightsError where that is damaged."""
    try:
        return msgspec.json.decode((folder / RECORD_NAME).read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"The record of the weights {folder.name} is damaged.",
            f"Run `avatar models rm {folder.name}` and fetch them again.",
        ) from error


def is_accepted(name: str) -> bool:
    """Whether somebody has accepted the licence of this model on this machine."""
    return name in _accepted()


def accept_licence(name: str) -> None:
    """Record that the licence of this model was accepted, and when (UTC)."""
    path = paths.models_dir() / LICENCES_NAME
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_bytes(msgspec.json.encode({**_accepted(), name: now}))
    partial.replace(path)


def availability_of_weights(name: str) -> Availability:
    """Ready where a model's weights are here and its licence, if it asks for that, was accepted."""
    folder = find(name)
    if folder is None:
        return Availability(
            ready=False,
            lacks=f"The weights {name} are not on this machine.",
            remedy=f"Run `avatar models fetch {name}`.",
        )
    try:
        terms = read_record(folder).terms
        accepted = not terms or is_accepted(name)
    except WeightsError as error:
        return Availability(ready=False, lacks=error.message, remedy=error.hint)
    if not accepted:
        return Availability(
            ready=False,
            lacks=f"The licence of {name} was not accepted ({terms}).",
            remedy=f"If you accept it, give `--accept-license {name}` once.",
        )
    return Availability(ready=True)


def _accepted() -> dict[str, str]:
    """Names of models to the time of acceptance."""
    path = paths.models_dir() / LICENCES_NAME
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"The list of accepted licences {path} is damaged.", "Remove it, and accept them again."
        ) from error
