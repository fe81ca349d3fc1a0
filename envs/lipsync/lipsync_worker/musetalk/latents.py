"""What MuseTalk knows of a portrait or a video: the latents of its faces, computed once and kept.

    face (256, 256, 3) ──VAE, twice──> latents (8, 32, 32) ──> <cache>/musetalk/<key>.safetensors

The key is a digest of the files that the faces come from, of the weights, and of what else decides them.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from shared_schema import paths
from shared_schema.kept import forget_oldest

__all__ = ["Latents", "key_of"]

REVISION: Final = "1"
"""Goes up when the same faces give other latents."""

MOST: Final = 4096
"""Latents in memory, 64 MB in half precision; of a longer video the rest is computed again in each pass."""

MOST_KEPT: Final = 100
"""Files on disk; those used longest ago go first. A photo's takes 16 KB, a minute of video's 24 MB."""

log = logging.getLogger("engine.musetalk")


def key_of(parts: Iterable[str]) -> str:
    """The name of a file of latents: 64 hexadecimal digits of what decides them."""
    return hashlib.sha256("\0".join((REVISION, *parts)).encode()).hexdigest()


class Latents:
    """The latents of one footage by the keys of its shots. A `References`."""

    def __init__(self, key: str | None, device: torch.device) -> None:
        """`key` None keeps nothing on disk: what was drawn by chance is of no use to another task."""
        self._path = None if key is None else paths.cache_dir() / "musetalk" / f"{key}.safetensors"
        self._known: OrderedDict[int, torch.Tensor] = OrderedDict()
        self._new = False
        if self._path is not None and self._path.is_file():
            self._read(self._path, device)

    def of(self, key: int, look: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The latents (8, 32, 32) of a shot; `look` computes them where they are not known."""
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        self._new = True
        found = self._known[key] = look()
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return found

    def keep(self) -> None:
        """Write what was computed, at once or not at all: another worker may look for it.

        Where it cannot be written the video is none the worse, so that is only logged.
        """
        if self._path is None or not self._new:
            return
        partial = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(partial)
            partial.replace(self._path)
            forget_oldest(self._path.parent, "*.safetensors", MOST_KEPT)
        except (OSError, SafetensorError) as error:
            log.warning("What was learnt of these faces cannot be kept in %s: %s", self._path.parent, error)
            with contextlib.suppress(OSError):
                partial.unlink()

    def _write(self, path: Path) -> None:
        numbers = torch.tensor(list(self._known))
        save_file({"keys": numbers, "latents": torch.stack(list(self._known.values())).cpu()}, path)

    def _read(self, path: Path, device: torch.device) -> None:
        try:
            stored = load_file(path)
            latents = stored["latents"].to(device)
            self._known.update(list(zip(stored["keys"].tolist(), latents, strict=True)))  # all or none
        except (SafetensorError, OSError, KeyError, ValueError):
            path.unlink(missing_ok=True)  # damaged: it is made again
            return
        os.utime(path)
