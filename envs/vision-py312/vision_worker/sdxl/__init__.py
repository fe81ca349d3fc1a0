"""Stable Diffusion XL: pictures drawn from a prompt.

checkpoint ──> network (parts that move) ──┐
prompt + style ──> words ──────────────────┼──> painting ──> pixels, one seed after the other
adapters (LoRA), scheduler, shape ─────────┘
"""

from transformers.utils import logging

# Before diffusers is imported: it has transformers complain about torchvision, which nothing here needs.
logging.set_verbosity_error()
