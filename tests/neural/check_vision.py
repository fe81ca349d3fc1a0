"""Run by nox in the vision environment's neural lock: SDXL's pipeline and MediaPipe live side by side.

They pull at the same packages from two sides (numpy, protobuf), so each does a little work after the
other was imported.
"""

from __future__ import annotations

import diffusers
import mediapipe
import numpy as np
import torch
import transformers
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel


def tiny_unet() -> UNet2DConditionModel:
    """SDXL's denoiser, small and with random weights."""
    return UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        cross_attention_dim=64,
        transformer_layers_per_block=(1, 2),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
        use_linear_projection=True,
    )


def main() -> None:
    """One step of the denoiser, one search for a face in an empty picture."""
    torch.manual_seed(0)
    noise = torch.randn(1, 4, 8, 8)
    conditions = {"text_embeds": torch.randn(1, 32), "time_ids": torch.zeros(1, 6)}
    with torch.inference_mode():
        step = tiny_unet()(noise, 10, torch.randn(1, 7, 64), added_cond_kwargs=conditions).sample
    assert step.shape == noise.shape
    assert bool(torch.isfinite(step).all())
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True) as mesh:
        assert mesh.process(np.zeros((64, 64, 3), np.uint8)).multi_face_landmarks is None
    print(f"{StableDiffusionXLPipeline.__name__} imports; its denoiser works beside the face mesh")
    for module in (torch, diffusers, transformers, mediapipe):
        print(f"{module.__name__} {module.__version__}")


if __name__ == "__main__":
    main()
