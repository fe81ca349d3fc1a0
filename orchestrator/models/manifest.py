"""Which weights there are: what `manifest.toml` says of each model, by name, and what the user's own adds."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec

from shared_schema import paths
from shared_schema.errors import InputError, WeightsError

__all__ = ["MANIFEST_NAME", "Model", "Published", "known", "named", "usual"]

MANIFEST_NAME = "manifest.toml"
"""Beside this module, and in the folder of models."""


MOST_NAMED = 6
"""Files of a model that an error lists."""

_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""A model's name is its folder's too."""


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of a repository. `sha256` is what it was published with, in hex, where that is known.

    A pickled one `becomes` a safetensors file of that name, of all its tensors or of those in its
    dictionary `under`.
    """

    sha256: str = ""
    becomes: str = ""
    under: str = ""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model. `files` are named by path, or by a pattern ("voices/*.bin") that stands for those there are.

    `bytes` is about what is fetched, `gpu_bytes` about what its engines take of a GPU. `usual` ones are
    fetched where none is named. `terms` are those that a user must accept; `alternatives` says what there is
    for who does not. `packages` are the environments whose neural packages its engines need.
    """

    repository: str
    revision: str
    files: dict[str, Published]
    bytes: int
    licence: str
    engines: list[str]
    gpu_bytes: int = 0
    usual: bool = False
    packages: list[str] = msgspec.field(default_factory=list)
    terms: str = ""
    alternatives: str = ""

    @property
    def pickled(self) -> dict[str, Published]:
        """The files that must become safetensors."""
        return {path: file for path, file in self.files.items() if file.becomes}

    def among(self, paths: Iterable[str], where: str) -> list[str]:
        """Those of `paths` that the model consists of. WeightsError, naming `where`, where one is missing."""
        # A mirror is not to be trusted with where its files go.
        there = sorted(path for path in paths if ".." not in PurePosixPath(path).parts)
        found: list[str] = []
        for pattern in self.files:
            matching = [pattern] if pattern in there else fnmatch.filter(there, pattern)
            if not matching:
                more = len(self.files) - MOST_NAMED
                some = ", ".join(list(self.files)[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
                raise WeightsError(f"{where} lacks {pattern}.", f"It takes {some}.")
            found += matching
        return list(dict.fromkeys(found))


def known() -> Mapping[str, Model]:
    """All models by name, in the manifest's order; a user's own entries take the place of ours, or follow.

    InputError where the user's manifest cannot be read.
    """
    own = paths.models_dir() / MANIFEST_NAME
    return {**_read(Path(__file__).with_name(MANIFEST_NAME)), **(_read(own) if own.is_file() else {})}


def _read(path: Path) -> dict[str, Model]:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=dict[_Name, Model])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is no manifest of models: {error}.", "See docs/howto/weights.md."
        ) from error


def usual() -> list[str]:
    """Names of the models that are fetched where none is named."""
    return [name for name, model in known().items() if model.usual]


def named(name: str) -> Model:
    """A model of the manifest. InputError, with those that there are, for another name."""
    try:
        return known()[name]
    except KeyError:
        raise InputError(f"There are no weights {name!r}.", f"There are {', '.join(known())}.") from None
