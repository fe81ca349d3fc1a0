"""SDXL's nets: read onto the host, and moved to a device together or one part at a time.

part        nets                            at full size, fp16
encoders    both text encoders              1.64 GB
unet        the denoiser                    5.14 GB
vae         pictures to latents and back    0.17 GB, in fp32 twice as much
refiner     the denoiser of the last steps  4.52 GB, where it was asked for
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from shared_schema.errors import EngineUnavailable, WeightsError
from shared_schema.residence import Residence
from shared_schema.weights import find
from vision_worker.models import SDXL_REFINER, SDXL_VAE
from vision_worker.sdxl.checkpoint import Checkpoint, Manner

__all__ = ["Network", "Painter", "Repainter", "load", "usual_format"]

DENOISERS: Final = {"unet", "refiner"}

for library in (diffusers_logging, transformers_logging):
    library.disable_progress_bar()
diffusers_logging.set_verbosity_error()


def usual_format() -> torch.dtype:
    """The format to read weights in: fp16 as they are published, unless only a CPU is here to compute."""
    return torch.float16 if torch.cuda.is_available() else torch.float32


class _ByParts:
    """A pipeline of which only the denoiser need be on the device while it runs."""

    unet: Any

    @property
    def _execution_device(self) -> torch.device:
        device: torch.device = self.unet.device
        return device


class Painter(_ByParts, StableDiffusionXLPipeline):  # type: ignore[misc] # diffusers' is a plain property
    """From noise."""


class Repainter(_ByParts, StableDiffusionXLImg2ImgPipeline):  # type: ignore[misc]
    """From a picture, or from what a painter left unfinished."""


class Network:
    """The nets of one checkpoint. Made on the host; `use` brings a part to a device."""

    def __init__(self, painter: Painter, checkpoint: Checkpoint) -> None:
        self.painter = painter
        self.own_scheduler = painter.scheduler
        self.checkpoint = checkpoint
        self.manner: Manner = checkpoint.manner
        self.repainter = _repainter(painter)
        self.refiner: Repainter | None = None
        self._parts: dict[str, Residence] = {}
        self._pack("encoders", painter.text_encoder, painter.text_encoder_2)
        self._pack("unet", painter.unet)
        self._pack("vae", painter.vae)

    @property
    def dtype(self) -> torch.dtype:
        """The format that the denoiser computes in."""
        dtype: torch.dtype = self.painter.unet.dtype
        return dtype

    @property
    def native_side(self) -> int:
        """Side in pixels of the square pictures that it was trained on: 1024 for SDXL, 512 for turbo."""
        own = int(self.painter.unet.config.sample_size * self.painter.vae_scale_factor)
        return self.manner.side or own

    @property
    def parts(self) -> list[str]:
        """The names of the parts that were read."""
        return list(self._parts)

    @property
    def bytes(self) -> int:
        """What all parts hold on the host."""
        return sum(part.bytes for part in self._parts.values())

    def is_away(self, part: str) -> bool:
        """Whether a part is on a device."""
        return self._parts[part].is_away

    def use(self, part: str, device: str, *, alone: bool) -> None:
        """Have a part compute on a device; with `alone` the others leave it first.

        Of the two denoisers one is there at a time in any case: the stated memory is one's.
        """
        for name, other in self._parts.items():
            if name != part and (alone or {name, part} == DENOISERS):
                other.to_host()
        self._parts[part].to_device(device)

    def tile(self, *, wanted: bool) -> None:
        """Have the VAE work in tiles of half the native side, or on whole pictures.

        diffusers' own tiles are as large as the pictures that the VAE was trained on: for SDXL's, the whole.
        """
        vae = self.painter.vae
        vae.use_tiling = wanted
        vae.tile_sample_min_size = self.native_side // 2
        vae.tile_latent_min_size = vae.tile_sample_min_size // self.painter.vae_scale_factor

    def leave(self) -> None:
        """Have all parts leave the device."""
        for part in self._parts.values():
            part.to_host()

    def drop(self) -> None:
        """Free everything. The nets cannot be used again."""
        for part in self._parts.values():
            part.drop()
        self._parts.clear()

    def convert(self, name: str) -> None:
        """Have the nets compute in a format of torch's ("float16"); at once where they do already."""
        dtype: torch.dtype = getattr(torch, name)
        if dtype == self.dtype:
            return
        self.leave()
        painter = self.painter
        for net in (painter.text_encoder, painter.text_encoder_2, painter.unet, painter.vae):
            net.to(dtype)
        _keep_from_overflow(painter.vae)
        self._pack("encoders", painter.text_encoder, painter.text_encoder_2)
        self._pack("unet", painter.unet)
        self._pack("vae", painter.vae)
        self.refiner = None
        self._parts.pop("refiner", None)

    def need_refiner(self) -> Repainter:
        """The denoiser of the last steps, read when first asked for. EngineUnavailable where it is absent."""
        if self.refiner is None:
            folder = find(SDXL_REFINER)
            if folder is None:
                raise EngineUnavailable(
                    f"The weights {SDXL_REFINER} are not on this machine.",
                    f"Run `avatar models fetch {SDXL_REFINER}`.",
                )
            self.refiner = _read_refiner(folder, self.painter)
            self._pack("refiner", self.refiner.unet)
        return self.refiner

    def _pack(self, part: str, *nets: torch.nn.Module) -> None:
        self._parts[part] = Residence(nets)


def load(checkpoint: Checkpoint, dtype: torch.dtype) -> Network:
    """Read a checkpoint onto the host. WeightsError where it is damaged or does not fit."""
    options: dict[str, Any] = {
        "dtype": dtype,
        "use_safetensors": True,
        "local_files_only": True,
        "add_watermarker": False,
    }
    try:
        if checkpoint.is_file:
            configuration = str(checkpoint.configuration)
            painter = Painter.from_single_file(str(checkpoint.path), config=configuration, **options)
        else:
            painter = Painter.from_pretrained(checkpoint.path, variant=checkpoint.variant, **options)
        if checkpoint.fetched and painter.vae.config.force_upcast:
            painter.vae = _fixed_vae(dtype) or painter.vae
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"The checkpoint {checkpoint.name} cannot be read: {_first_line(error)}",
            "Fetch it again, or choose another one.",
        ) from error
    _require_complete(painter, checkpoint)
    _keep_from_overflow(painter.vae)
    painter.set_progress_bar_config(disable=True)
    return Network(painter, checkpoint)


def _repainter(painter: Painter) -> Repainter:
    """The same nets, to draw from a picture."""
    names = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "scheduler")
    repainter = Repainter(
        **{name: getattr(painter, name) for name in names},
        force_zeros_for_empty_prompt=painter.config.force_zeros_for_empty_prompt,
        add_watermarker=False,
    )
    repainter.set_progress_bar_config(disable=True)
    return repainter


def _read_refiner(folder: Path, painter: Painter) -> Repainter:
    """The refiner, with the base's VAE and second text encoder, which are the same."""
    try:
        refiner: Repainter = Repainter.from_pretrained(
            folder,
            vae=painter.vae,
            text_encoder_2=painter.text_encoder_2,
            tokenizer_2=painter.tokenizer_2,
            dtype=painter.unet.dtype,
            variant="fp16" if any(folder.glob("unet/*.fp16*.safetensors")) else None,
            use_safetensors=True,
            local_files_only=True,
            add_watermarker=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"The weights {SDXL_REFINER} cannot be read: {_first_line(error)}") from error
    refiner.set_progress_bar_config(disable=True)
    return refiner


def _fixed_vae(dtype: torch.dtype) -> AutoencoderKL | None:
    folder = find(SDXL_VAE)
    if folder is None:
        return None
    return AutoencoderKL.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True)


def _keep_from_overflow(vae: AutoencoderKL) -> None:
    """SDXL's own VAE gives black pictures in fp16: its activations go beyond that format's range."""
    if vae.config.force_upcast:
        vae.to(torch.float32)


def _require_complete(painter: Painter, checkpoint: Checkpoint) -> None:
    """WeightsError where a net lacks weights: diffusers only warns, and would draw with none."""
    for name in ("text_encoder", "text_encoder_2", "unet", "vae"):
        absent = [key for key, tensor in getattr(painter, name).named_parameters() if tensor.is_meta]
        if absent:
            raise WeightsError(
                f"The checkpoint {checkpoint.name} lacks weights of its {name}: {absent[0]} and"
                f" {len(absent) - 1} more.",
                "Fetch it again, or choose another one.",
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
