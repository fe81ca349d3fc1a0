"""The models of the manifest that this worker's engines use, by name."""

from __future__ import annotations

from typing import Final

__all__ = ["FACE_LANDMARKER", "SDXL", "SDXL_CONFIGURATION", "SDXL_REFINER", "SDXL_VAE"]

SDXL: Final = "sdxl-base"
SDXL_CONFIGURATION: Final = "sdxl-configuration"
"""What a checkpoint in a single file lacks: tokenizers and configurations."""

SDXL_REFINER: Final = "sdxl-refiner"
"""The denoiser of the last steps."""

SDXL_VAE: Final = "sdxl-vae"
"""The VAE that does not overflow in half precision."""

FACE_LANDMARKER: Final = "face-landmarker"
"""The face networks of a mediapipe that does not carry them itself."""
