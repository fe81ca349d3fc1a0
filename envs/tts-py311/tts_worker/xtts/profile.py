"""A voice profile: what XTTS needs to know of a voice, computed once from its recordings and kept.

    recordings ──trimmed, levelled──> samples ──nets──> latents, embedding ──> <voices>/<key>.safetensors

The key is a digest of the recordings' bytes and of the weights, so that the same voice is found again by
whichever environment runs these weights, and another checkpoint computes its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from shared_schema import paths
from shared_schema.kept import forget_oldest
from shared_schema.weights import read_record
from tts_worker.references import read_references
from tts_worker.xtts.network import Network, Speaker

__all__ = ["of_recordings"]

REVISION = "1"
"""Goes up when the same recordings give other latents."""

RATE = 22_050
"""The rate at which XTTS hears, Hz."""

MOST_KEPT = 200
"""Profiles on disk; those used longest ago go first. Each takes 150 KB."""


def _key(recordings: Sequence[Path], network: Network) -> str:
    """The name of a profile: 64 hexadecimal digits."""
    digest = hashlib.sha256(REVISION.encode())
    for path in recordings:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    weights = read_record(network.folder).files["model.safetensors"]
    digest.update(weights.sha256.encode())
    return digest.hexdigest()


def of_recordings(recordings: Sequence[Path], network: Network) -> tuple[Speaker, list[str]]:
    """The speaker of these recordings, and advice on them in words. RecordingError where they hold no voice.

    Read back where it was computed before; the advice is kept with it.
    """
    folder = paths.voices_dir()
    path = folder / f"{_key(recordings, network)}.safetensors"
    if path.is_file():
        os.utime(path)
        return _read(path)
    reference = read_references(recordings, RATE)
    speaker = _compute(network, torch.from_numpy(reference.samples)[None])
    _write(path, speaker, reference.advice)
    forget_oldest(folder, "*.safetensors", MOST_KEPT)
    return speaker, reference.advice


@torch.inference_mode()
def _compute(network: Network, samples: torch.Tensor) -> Speaker:
    """The speaker of samples (1, N) at `RATE`; the checkpoint's config says how much of them is heard."""
    config, model = network.model.config, network.model
    latents = model.get_gpt_cond_latents(
        samples, RATE, length=config.gpt_cond_len, chunk_length=config.gpt_cond_chunk_len
    )
    embedding = model.get_speaker_embedding(samples[:, : RATE * config.max_ref_len], RATE)
    return Speaker(latents.float().cpu().contiguous(), embedding.float().cpu().contiguous())


def _read(path: Path) -> tuple[Speaker, list[str]]:
    with safe_open(path, "pt") as file:
        speaker = Speaker(file.get_tensor("gpt_cond_latent"), file.get_tensor("speaker_embedding"))
        return speaker, json.loads(file.metadata()["advice"])


def _write(path: Path, speaker: Speaker, advice: list[str]) -> None:
    """At once or not at all: another worker may look for it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    tensors = {"gpt_cond_latent": speaker.latents, "speaker_embedding": speaker.embedding}
    save_file(tensors, partial, {"format": "pt", "advice": json.dumps(advice)})
    partial.replace(path)
