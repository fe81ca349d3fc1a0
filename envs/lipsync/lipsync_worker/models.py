"""The models of the manifest that this worker's engines use, by name."""

from __future__ import annotations

from typing import Final

__all__ = ["FACE_PARSER", "MUSETALK", "VAE", "WAV2LIP", "WHISPER"]

MUSETALK: Final = {"v1.5": "musetalk-v15", "v1": "musetalk-v1"}
"""MuseTalk's two versions, the better one first."""

VAE: Final = "sd-vae-ft-mse"
"""What turns faces into MuseTalk's latents and back."""

WHISPER: Final = "whisper-tiny"
"""MuseTalk's ears: the encoder of a speech recogniser."""

WAV2LIP: Final = "wav2lip"

FACE_PARSER: Final = "face-parse-bisent"
"""What the published MuseTalk finds the skin with. Not in the manifest: for non-commercial research only, and
no pinned source is known. Where a user has put it, `compat` uses it.
"""
