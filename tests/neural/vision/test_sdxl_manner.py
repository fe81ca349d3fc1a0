"""How a checkpoint wants to be drawn with is told by its configuration, its metadata or its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from shared_schema.stages import Scheduler
from tests.neural.vision import tiny_sdxl
from vision_worker.sdxl.checkpoint import DMD, LCM, LIGHTNING, TURBO, USUAL, Checkpoint, Manner, locate

TURBO_FILE = TURBO._replace(scheduler=Scheduler.LIGHTNING)


def file(path: Path, metadata: dict[str, str] | None = None) -> Path:
    """A file with next to nothing in it."""
    save_file({"nothing": torch.zeros(1)}, path, metadata)
    return path


@pytest.mark.parametrize(
    ("changes", "manner"),
    [
        ({}, USUAL),
        ({"timestep_spacing": "trailing"}, LIGHTNING),
        ({"timestep_spacing": "trailing", "_class_name": "EulerAncestralDiscreteScheduler"}, TURBO),
        ({"_class_name": "LCMScheduler"}, LCM),
        # Trained down to no signal, with as many steps as others: NoobAI's and the like.
        ({"timestep_spacing": "trailing", "rescale_betas_zero_snr": True}, USUAL),
    ],
)
def test_a_folder_s_manner_is_that_of_its_scheduler(
    home: Path, changes: dict[str, object], manner: Manner
) -> None:
    folder = home / "models" / "sdxl-base"
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(tiny_sdxl.SCHEDULER | changes))
    assert locate(str(folder)).manner == manner


LOOKALIKES = (
    "turbulence", "perturbo", "Turbovision", "thunderlightning", "lightnings",
    "hyperrealistic_v3", "HyperRealXL", "hyper-detailed", "film_calcmap", "admd", "own_20step",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "manner"),
    [
        ("own", USUAL),
        ("sd_xl_base_1.0_0.9vae", USUAL),
        ("sd_xl_turbo_1.0_fp16", TURBO_FILE._replace(side=512)),
        ("dreamshaperXL_turbo", TURBO_FILE),
        ("dreamshaperXL_v21TurboDPMSDE", TURBO_FILE),
        ("sdxlturbo", TURBO_FILE._replace(side=512)),
        ("TURBO", TURBO_FILE),
        ("sdxl_lightning_4step", LIGHTNING),
        ("sdxl_lightning_8step", LIGHTNING._replace(steps=8)),
        ("realvisxlV40_v40LightningBakedvae", LIGHTNING),
        ("juggernautXL_juggXIByRundiffusionHyper", LIGHTNING),
        ("Hyper-SDXL-12steps", LIGHTNING._replace(steps=12)),
        ("my_lcm_8steps", LCM._replace(steps=8)),
        ("sdxlLCM_v1", LCM),
        ("own_dmd2_4step", DMD),
        ("own_dmd", DMD),
        *((name, USUAL) for name in LOOKALIKES),
        ("own_turbo_100steps", TURBO_FILE),
        ("own_turbo_0step", TURBO_FILE._replace(steps=1)),
    ],
)
def test_a_single_file_s_manner_is_that_of_its_name(tmp_path: Path, name: str, manner: Manner) -> None:
    path = file(tmp_path / f"{name}.safetensors")
    assert Checkpoint(path, tmp_path).manner == manner


@pytest.mark.parametrize(
    ("metadata", "manner"),
    [
        ({"modelspec.title": "SDXL Lightning, 8 steps"}, LIGHTNING._replace(steps=8)),
        ({"modelspec.tags": "photo, turbo"}, TURBO_FILE),
        ({"ss_output_name": "own_lcm"}, LCM),
        ({"modelspec.thumbnail": "data:image/jpeg;base64,AA/lcm/turbo+Hyper=="}, USUAL),
        ({"modelspec.description": "Needs no turbo."}, USUAL),
    ],
)
def test_a_single_file_s_manner_is_that_of_its_title(
    tmp_path: Path, metadata: dict[str, str], manner: Manner
) -> None:
    path = file(tmp_path / "own.safetensors", metadata)
    assert Checkpoint(path, tmp_path).manner == manner
