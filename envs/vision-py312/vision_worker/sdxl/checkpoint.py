"""Which SDXL weights to draw with, where they lie, and how they want to be drawn with.

    folder                  as published for diffusers: model_index.json and a folder for each net
    file.safetensors        all nets in one file, as checkpoints are traded; what it lacks, tokenizers and
                            configurations, comes from the fetched weights

Few-step checkpoints (turbo, lightning, LCM) give noise when they are drawn with like others, and say so in
their scheduler's configuration, or, single files, in their metadata or name only.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from safetensors import SafetensorError, safe_open

from shared_schema.errors import EngineUnavailable, WeightsError
from shared_schema.stages import Scheduler
from shared_schema.weights import find
from vision_worker.models import SDXL, SDXL_CONFIGURATION

__all__ = ["VARIABLE", "Checkpoint", "Manner", "locate"]

VARIABLE: Final = "AVATAR_CHECKPOINT"
"""Names the checkpoint to draw with where a task names none."""

PIPELINE: Final = "StableDiffusionXLPipeline"
NETS: Final = ("text_encoder", "text_encoder_2", "unet", "vae")

# Keys that every SDXL checkpoint has in its original layout, and SD 1.5 or 2 have not.
_SINGLE_FILE_KEYS: Final = {
    "conditioner.embedders.1.model.positional_embedding": "its second text encoder",
    "model.diffusion_model.input_blocks.0.0.weight": "its denoiser",
    "first_stage_model.decoder.conv_in.weight": "its VAE",
}

# A word of its own, or of camel case, or behind "XL": "v21TurboDPMSDE" and "sdxlturbo", but not "turbulence",
# "thunderlightning" or "hyper-realistic".
_KINDS: Final = "turbo|lightning|hyper|lcm|dmd2?"
_FEW_STEPS: Final = re.compile(
    rf"(?:(?:(?<![A-Za-z])|(?<=[Xx][Ll]))(?i:{_KINDS})|Turbo|Lightning|Hyper|(?<=[a-z])(?:LCM|DMD2?))"
    r"(?![a-z])(?!(?<=(?i:hyper))[ _-]?(?i:real|detail))"
)
_STEPS: Final = re.compile(r"(?<!\d)(\d{1,2})[ _-]?steps?", re.IGNORECASE)
_OTHER_TARGET: Final = re.compile(r"lightning.*1step.*x0", re.IGNORECASE)
_SMALL: Final = re.compile(r"sd[_-]?xl[_-]?turbo", re.IGNORECASE)
"""The turbo of SDXL's authors, which draws 512 x 512; what others made of it draws as SDXL does."""

_SMALL_SIDE: Final = 512
_TELLING: Final = ("modelspec.title", "modelspec.architecture", "modelspec.tags", "ss_output_name")
"""Metadata that names a single file. Not all of it: a thumbnail in base64 holds any three letters."""


class Manner(NamedTuple):
    """How a checkpoint is drawn with where nothing else is asked: steps, guidance, scheduler.

    `side` is its native one in pixels where its denoiser's configuration does not tell, else 0.
    """

    steps: int
    guidance: float
    scheduler: Scheduler = Scheduler.AUTO
    side: int = 0


# Of their authors: Podell et al. 2023 (SDXL), Sauer et al. 2023 (turbo), Lin et al. 2024 (lightning), Luo et
# al. 2023 (LCM), Yin et al. 2024 (DMD2). Without guidance the negative prompt has no effect.
USUAL: Final = Manner(30, 6.0)
TURBO: Final = Manner(4, 0.0)
LIGHTNING: Final = Manner(4, 0.0, Scheduler.LIGHTNING)
LCM: Final = Manner(6, 1.0, Scheduler.LCM)
DMD: Final = Manner(4, 0.0, Scheduler.LCM)


@dataclass(frozen=True)
class Checkpoint:
    """A folder or a single file. `configuration` is where a single file's tokenizers are.

    `fetched` is whether these are the weights of the manifest.
    """

    path: Path
    configuration: Path
    fetched: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return self.path.stem if self.is_file else self.path.name

    @property
    def is_file(self) -> bool:
        """Whether all nets are in one file."""
        return not self.path.is_dir()

    @property
    def manner(self) -> Manner:
        """How it wants to be drawn with."""
        return _manner_of_file(self.path) if self.is_file else _manner_of_folder(self.path)

    @property
    def variant(self) -> str | None:
        """The variant of a folder's weights to read: "fp16" where there is one."""
        return "fp16" if any(self.path.glob("unet/*.fp16*.safetensors")) else None


def locate(given: str) -> Checkpoint:
    """The checkpoint at a path, at that of AVATAR_CHECKPOINT where it is empty, else the fetched one.

    EngineUnavailable where there is none, WeightsError where it is not SDXL in safetensors.
    """
    given = given or os.environ.get(VARIABLE, "").strip()
    base = find(SDXL)
    if not given:
        if base is None:
            raise EngineUnavailable(
                f"The weights {SDXL} are not on this machine.",
                f"Run `avatar models fetch {SDXL}`, or name a checkpoint of yours with --checkpoint.",
            )
        return Checkpoint(base, base, fetched=True)
    path = Path(os.path.expanduser(given))  # noqa: PTH111 - pathlib's raises where there is no such user
    if path.is_dir():
        _check_folder(path)
        return Checkpoint(path, path)
    _check_file(path)
    configuration = base or find(SDXL_CONFIGURATION)
    if configuration is None:
        raise EngineUnavailable(
            f"{path.name} needs SDXL's tokenizers, which are not on this machine.",
            f"Run `avatar models fetch {SDXL_CONFIGURATION}` (3 MB).",
        )
    return Checkpoint(path, configuration)


def _check_folder(path: Path) -> None:
    index = _read_json(path / "model_index.json")
    kind = index.get("_class_name")
    if kind != PIPELINE:
        raise WeightsError(
            f"{path} is a {kind or 'folder of another kind'}, not a {PIPELINE}.", "Take a whole SDXL."
        )
    for net in NETS:
        if not any((path / net).glob("*.safetensors")):
            raise WeightsError(
                f"{path / net} holds no .safetensors file.",
                "Pickled weights can run programs, and are not read: take the safetensors ones.",
            )


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise WeightsError(f"There is no checkpoint at {path}.", "Name a folder or a .safetensors file.")
    if path.suffix != ".safetensors":
        raise WeightsError(
            f"{path} is not a .safetensors file.",
            "Pickled checkpoints can run programs, and are not read: take or make a safetensors one.",
        )
    if _OTHER_TARGET.search(path.stem):
        raise WeightsError(
            f"{path} predicts pictures, not noise: it cannot be drawn with here.",
            "Take the lightning of 2, 4 or 8 steps.",
        )
    try:
        with safe_open(path, framework="pt") as file:
            keys = set(file.keys())
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path} cannot be read, is damaged, or is no safetensors file: {error}.", "Fetch it again."
        ) from error
    for key, what in _SINGLE_FILE_KEYS.items():
        if key not in keys:
            raise WeightsError(
                f"{path} is not a whole SDXL checkpoint: {what} is missing.",
                "A denoiser alone, a LoRA, or a checkpoint of another model does not draw by itself.",
            )


def _manner_of_folder(path: Path) -> Manner:
    config = _read_json(path / "scheduler" / "scheduler_config.json")
    if config.get("_class_name") == "LCMScheduler":
        return LCM
    # Those trained down to no signal at all begin at the noisy end too, and take as many steps as others.
    if config.get("timestep_spacing") != "trailing" or config.get("rescale_betas_zero_snr"):
        return USUAL
    return TURBO if config.get("_class_name") == "EulerAncestralDiscreteScheduler" else LIGHTNING


def _manner_of_file(path: Path) -> Manner:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    told = " ".join([path.stem, *(metadata.get(key, "") for key in _TELLING)])
    kind = _FEW_STEPS.search(told)
    if kind is None:
        return USUAL
    manner = _of_kind(kind[0].lower())
    if _SMALL.search(path.stem):
        manner = manner._replace(side=_SMALL_SIDE)
    steps = _STEPS.search(told)
    return manner._replace(steps=max(1, int(steps[1]))) if steps else manner


def _of_kind(kind: str) -> Manner:
    if kind == "lcm":
        return LCM
    if kind.startswith("dmd"):
        return DMD
    # A single file brings no scheduler along, and the base's begins too late for so few steps.
    return TURBO._replace(scheduler=Scheduler.LIGHTNING) if kind == "turbo" else LIGHTNING


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing.", "Take the whole folder as it was published.") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read: {error}.", "Fetch it again.") from error
    return content if isinstance(content, dict) else {}
