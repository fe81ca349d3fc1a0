"""One picture after the other from the same prompt, each from its seed.

    words ──encoders──> embeddings ─┐
    photo ──vae──> latents ─────────┼──unet, step by step──> latents ──[refiner]──> latents ──vae──> pixels
    seed ──> noise ─────────────────┘        │
                                             └──> progress, preview, and a chance to stop

The noise is made on the host, so that a seed gives the same picture on every device, but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from shared_schema.engine import Context
from shared_schema.errors import WeightsError
from shared_schema.stages import Scheduler
from vision_worker.images import Pixels
from vision_worker.sdxl import schedulers
from vision_worker.sdxl.network import Network
from vision_worker.sdxl.previews import preview
from vision_worker.sdxl.words import Words

__all__ = ["REFINED_SHARE", "Plan", "Studio"]

REFINED_SHARE: Final = 0.8
"""Where the refiner takes over, as a share of the way from noise to picture (Podell et al. 2023)."""


@dataclass(frozen=True)
class Plan:
    """How to draw. `photo` (height, width, 3) is what to draw from, if not from noise, and `strength` how far
    to go away from it.
    """

    words: Words
    width: int
    height: int
    steps: int
    guidance: float
    scheduler: Scheduler
    photo: Pixels | None = None
    strength: float = 1.0
    refine: bool = False
    preview: bool = False

    @property
    def steps_drawn(self) -> int:
        """Of its steps those that are drawn: from a photo only the share that `strength` is, at least one."""
        return self.steps if self.photo is None else max(1, int(self.steps * self.strength))


@dataclass(frozen=True)
class _Embeddings:
    """What the encoders made of the words: arguments of a pipeline, for the base and for the refiner."""

    base: dict[str, torch.Tensor]
    refiner: dict[str, torch.Tensor]


class Studio:
    """Draws by one plan, on the task's device. Encoding happens once, when it is made."""

    def __init__(self, network: Network, plan: Plan, context: Context) -> None:
        self._network = network
        self._plan = plan
        self._context = context
        self._alone = context.profile.by_parts and context.device != "cpu"
        if plan.refine:
            network.need_refiner()
        network.tile(wanted=context.profile.tiling)
        with torch.inference_mode():
            self._embeddings = self._encode()
            self._start = None if plan.photo is None else self._latents_of(plan.photo)

    def draw(self, seed: int, phase: str) -> Pixels:
        """The picture of this seed, (height, width, 3). Progress is told as steps of `phase`; Cancelled."""
        with torch.inference_mode():
            latents = self._denoise(seed, phase)
            return self._pixels_of(latents)

    def _encode(self) -> _Embeddings:
        network, plan = self._network, self._plan
        self._context.progress("reading the prompt", 0, 1)
        self._use("encoders")
        asked = {
            "prompt": plan.words.prompt,
            "negative_prompt": plan.words.negative or None,  # of nothing SDXL makes zeros
            "device": torch.device(self._context.device),
            "num_images_per_prompt": 1,
            "do_classifier_free_guidance": plan.guidance > 1,
        }
        base = _named(network.painter.encode_prompt(**asked))
        refiner = _named(network.refiner.encode_prompt(**asked)) if plan.refine and network.refiner else {}
        self._context.progress("reading the prompt", 1, 1)
        return _Embeddings(base, refiner)

    def _latents_of(self, photo: Pixels) -> torch.Tensor:
        """What the VAE makes of a photo: the middle of its distribution, the same each time."""
        network = self._network
        self._use("vae")
        vae = network.painter.vae
        pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with self._watched("reading the photo", 0, 1, vae.encoder):
            encoded = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mode()
        mean, deviation = _spread(vae)
        latents: torch.Tensor = ((encoded - mean) / deviation).to(network.dtype)
        return latents

    def _denoise(self, seed: int, phase: str) -> torch.Tensor:
        network, plan = self._network, self._plan
        self._use("unet")
        generator = torch.Generator("cpu").manual_seed(seed)
        options: dict[str, Any] = {
            "num_inference_steps": plan.steps,
            "guidance_scale": plan.guidance,
            "generator": generator,
            "output_type": "latent",
            "return_dict": False,
        }
        if plan.refine:
            options["denoising_end"] = REFINED_SHARE
        pipeline: Any = network.painter
        if self._start is None:
            options |= {"width": plan.width, "height": plan.height}
        else:
            pipeline = network.repainter
            # A little more than the share, which is rounded down.
            strength = min((plan.steps_drawn + 0.01) / plan.steps, 1.0)
            options |= {"image": self._start, "strength": strength}
        latents = self._run(pipeline, {**options, **self._embeddings.base}, phase, 0)
        return self._refine(latents, generator, phase) if plan.refine else latents

    def _refine(self, latents: torch.Tensor, generator: torch.Generator, phase: str) -> torch.Tensor:
        plan, refiner = self._plan, self._network.need_refiner()
        self._use("refiner")
        options = {
            "image": latents,
            "num_inference_steps": plan.steps,
            "guidance_scale": plan.guidance,
            "generator": generator,
            "denoising_start": REFINED_SHARE,
            "output_type": "latent",
            "return_dict": False,
        }
        return self._run(
            refiner, {**options, **self._embeddings.refiner}, phase, round(plan.steps * REFINED_SHARE)
        )

    def _run(self, pipeline: Any, options: dict[str, Any], phase: str, before: int) -> torch.Tensor:
        """Run a pipeline whose first step is number `before` of the plan's; its latents."""
        plan, context = self._plan, self._context
        pipeline.scheduler = schedulers.make(plan.scheduler, self._network.own_scheduler)
        reached = before

        def stepped(_pipeline: Any, index: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            nonlocal reached
            reached = before + index + 1
            context.progress(phase, reached, plan.steps_drawn)
            if plan.preview:
                context.chunk("preview", preview(tensors["latents"]))
            return tensors

        with self._watched(phase, lambda: reached, plan.steps_drawn, pipeline.unet):
            (latents,) = pipeline(
                **options, callback_on_step_end=stepped, callback_on_step_end_tensor_inputs=["latents"]
            )
        result: torch.Tensor = latents
        return result

    def _pixels_of(self, latents: torch.Tensor) -> Pixels:
        self._use("vae")
        vae = self._network.painter.vae
        mean, deviation = _spread(vae)
        with self._watched("developing", 0, 1, vae.decoder):
            (decoded,) = vae.decode((latents.to(vae.device, vae.dtype) * deviation + mean), return_dict=False)
        if not torch.isfinite(decoded).all():
            raise WeightsError(
                f"The checkpoint {self._network.checkpoint.name} gives no picture: its numbers overflow.",
                f"Take one that is made for {self._context.number_format}.",
            )
        shown = ((decoded[0].float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        self._context.progress("developing", 1, 1)
        return np.ascontiguousarray(shown.permute(1, 2, 0).cpu().numpy())

    def _use(self, part: str) -> None:
        self._network.use(part, self._context.device, alone=self._alone)

    @contextmanager
    def _watched(self, phase: str, done: int | Callable[[], int], total: int, net: Any) -> Iterator[None]:
        """Within it each block of a net tells that it goes on, and can stop: on a CPU steps are long."""

        def alive(_module: Any, _arguments: Any) -> None:
            self._context.progress(phase, done() if callable(done) else done, total)

        blocks = [*net.children()]
        blocks += [
            block for child in net.children() if isinstance(child, torch.nn.ModuleList) for block in child
        ]
        hooks = [block.register_forward_pre_hook(alive) for block in blocks]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def _spread(vae: Any) -> tuple[Any, Any]:
    """Mean and deviation of a VAE's latents; the denoiser works on such of mean 0 and deviation 1.

    SDXL's have one number for all four channels; some that were made of it have a mean and a number for each.
    """
    config = vae.config
    if config.latents_mean is None or config.latents_std is None:
        return 0.0, 1 / config.scaling_factor
    mean, deviation = (
        torch.tensor(each, dtype=vae.dtype, device=vae.device).view(1, -1, 1, 1)
        for each in (config.latents_mean, config.latents_std)
    )
    return mean, deviation / config.scaling_factor


def _named(encoded: tuple[torch.Tensor | None, ...]) -> dict[str, torch.Tensor]:
    names = (
        "prompt_embeds",
        "negative_prompt_embeds",
        "pooled_prompt_embeds",
        "negative_pooled_prompt_embeds",
    )
    return {name: tensor for name, tensor in zip(names, encoded, strict=True) if tensor is not None}
