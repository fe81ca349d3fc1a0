"""LoRA files: small changes to the nets, for as long as a task asks for them.

They are hung beside the weights, not added into them: so the nets are exactly what they were when the files
are taken off again. In fp16, adding and subtracting would leave the rounding of both.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file

from shared_schema.engine import Context
from shared_schema.errors import InputError, WeightsError
from shared_schema.messages import Task
from shared_schema.stages import PortraitParams
from vision_worker.sdxl.network import Network

__all__ = ["Adapter", "adapters_of", "digests", "wear"]


class Adapter(NamedTuple):
    """A LoRA file, and how strongly it counts: 1 as its maker meant it. `digest` says what is in it."""

    path: Path
    scale: float
    digest: str


def adapters_of(task: Task, context: Context) -> list[Adapter]:
    """The LoRA files of a task. InputError where there are not as many scales as files."""
    paths, pairs = context.inputs("lora"), digests(task)
    return [Adapter(path, scale, digest) for path, (digest, scale) in zip(paths, pairs, strict=True)]


def digests(task: Task) -> list[tuple[str, float]]:
    """SHA-256 (hex) and scale of each LoRA file of a task; its params are PortraitParams."""
    assert isinstance(task.params, PortraitParams)  # noqa: S101 - the engine has looked
    scales = task.params.drawing.lora_scales
    # In the order of their numbers: lora, lora-2 and so on.
    roles = sorted((role for role in task.inputs if role.partition("-")[0] == "lora"), key=_number)
    if len(roles) != len(scales):
        raise InputError(f"There are {len(roles)} LoRA files and {len(scales)} scales.", "Give one for each.")
    return [(task.inputs[role].sha256, scale) for role, scale in zip(roles, scales, strict=True)]


def _number(role: str) -> int:
    return int(role.partition("-")[2] or 1)


def wear(network: Network, adapters: Sequence[Adapter]) -> None:
    """Have the nets change as these files say, and as no others. WeightsError where one does not fit."""
    network.leave()
    painter = network.painter
    painter.unload_lora_weights()
    names = [f"lora-{number}" for number in range(1, len(adapters) + 1)]
    try:
        for name, adapter in zip(names, adapters, strict=True):
            _hang(network, adapter.path, name)
    except WeightsError:
        painter.unload_lora_weights()
        raise
    if names:
        painter.set_adapters(names, [adapter.scale for adapter in adapters])


def _hang(network: Network, path: Path, name: str) -> None:
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise WeightsError(
            f"{path.name} is damaged or no safetensors file: {error}.", "Fetch it again."
        ) from error
    if not any("lora" in key.lower() for key in tensors):
        raise WeightsError(f"{path.name} holds no LoRA.", "Whole checkpoints go to --checkpoint.")
    try:
        with warnings.catch_warnings():
            # Of the second file on: that it is not the only one is meant.
            warnings.filterwarnings("ignore", "Already found a `peft_config`")
            network.painter.load_lora_weights(tensors, adapter_name=name)
    # Where it does not fit, diffusers and peft raise what they come upon: RuntimeError, ValueError, ...
    except Exception as error:
        raise WeightsError(
            f"{path.name} is a LoRA for another model than SDXL.", "Take one that was made for SDXL."
        ) from error
    if name not in {each for names in network.painter.get_list_adapters().values() for each in names}:
        raise WeightsError(
            f"{path.name} changes nothing in SDXL: it is a LoRA for another model.",
            "Take one that was made for SDXL.",
        )
