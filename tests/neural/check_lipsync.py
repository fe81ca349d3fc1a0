"""Run by nox in the lip-sync environment's neural lock: MuseTalk's nets and the encoder live side by side."""

from __future__ import annotations

import av
import cv2
import diffusers
import torch
import transformers
from diffusers import AutoencoderKL
from transformers import WhisperModel


def main() -> None:
    """Decode one latent with a small autoencoder, as each frame will be."""
    torch.manual_seed(0)
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2}
    decoder = AutoencoderKL(block_out_channels=(32, 32), latent_channels=4, **blocks).eval()
    with torch.inference_mode():
        picture = decoder.decode(torch.randn(1, 4, 8, 8)).sample
    assert picture.shape == (1, 3, 16, 16)
    assert "libx264" in av.codecs_available
    print(f"{WhisperModel.__name__} imports; an autoencoder works beside the encoder")
    for module in (torch, diffusers, transformers, av, cv2):
        print(f"{module.__name__} {module.__version__}")


if __name__ == "__main__":
    main()
