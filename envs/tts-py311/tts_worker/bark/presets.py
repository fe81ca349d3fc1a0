"""Bark's own voices: each is a piece of speech as tokens, which the nets go on from.

    speaker_embeddings/v2/en_speaker_6_semantic_prompt.npy  (n,)
                          en_speaker_6_coarse_prompt.npy    (2, m)
                          en_speaker_6_fine_prompt.npy      (8, m)

Which there are, the folder says: the index beside it may name others, which were not fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from shared_schema.errors import WeightsError
from tts_worker.bark.network import REMEDY, Network
from tts_worker.speakers import speaker_named

__all__ = ["History", "chosen", "names", "read"]

History = dict[str, torch.Tensor]
"""What was said before, by the names that BarkModel gives: semantic_prompt (n,), coarse_prompt (2, m) and
fine_prompt (8, m), all int64."""

FAVOURITES = {"en": "en_speaker_6"}
"""The voice that is taken unasked, where it is not a language's first: the one of Bark's own examples."""

_SEMANTIC = re.compile(r"([a-z]+_speaker_\d+)_semantic_prompt\.npy")


def names(folder: Path) -> list[str]:
    """The voices among the weights in a folder, in order: "de_speaker_0", ..."""
    files = _folder(folder).glob("*.npy") if _folder(folder).is_dir() else ()
    return sorted(found[1] for file in files if (found := _SEMANTIC.fullmatch(file.name)))


def chosen(installed: Sequence[str], wanted: str, language: str) -> str:
    """The voice to speak with: the one wanted ("v2/en_speaker_6", "en_speaker_6"), or the language's.

    "" where none is wanted and the language has none. InputError where there is no such voice. One of
    another language is no mistake: it gives an accent.
    """
    base = language.partition("-")[0]
    own = [name for name in installed if name.startswith(f"{base}_")]
    if not wanted:
        favourite = FAVOURITES.get(base, "")
        return favourite if favourite in own else next(iter(own), "")
    return speaker_named(wanted.lower().removeprefix("v2/"), installed, "Bark", near=own)


def read(network: Network, name: str) -> History:
    """One of `names`. WeightsError where a part is missing, or is not what the nets can take."""
    settings = network.settings
    codes = settings.codebook_size
    return {
        "semantic_prompt": _part(network, name, "semantic", (), settings.semantic_config.semantic_vocab_size),
        "coarse_prompt": _part(
            network, name, "coarse", (settings.coarse_acoustics_config.n_coarse_codebooks,), codes
        ),
        "fine_prompt": _part(
            network, name, "fine", (settings.fine_acoustics_config.n_fine_codebooks,), codes
        ),
    }


def _part(network: Network, name: str, part: str, rows: tuple[int, ...], tokens: int) -> torch.Tensor:
    """A file of whole numbers under `tokens`, of shape (*rows, n). Nothing in it can run."""
    path = _folder(network.folder) / f"{name}_{part}_prompt.npy"
    try:
        with path.open("rb") as file:
            numbers = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise WeightsError(f"Bark's speaker {name} is damaged: {path.name}: {error}.", REMEDY) from error
    if numbers.dtype.kind not in "iu" or numbers.shape[:-1] != rows or not numbers.size or not numbers.ndim:
        raise WeightsError(
            f"Bark's speaker {name} is damaged: {path.name} holds {numbers.dtype} {numbers.shape}, "
            f"not whole numbers {(*rows, 'n')}.",
            REMEDY,
        )
    if numbers.min() < 0 or numbers.max() >= tokens:
        raise WeightsError(
            f"Bark's speaker {name} is damaged: {path.name} has numbers beyond its {tokens} tokens.", REMEDY
        )
    return torch.from_numpy(numbers.astype(np.int64))


def _folder(folder: Path) -> Path:
    return folder / "speaker_embeddings" / "v2"
