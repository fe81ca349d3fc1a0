"""The picture worker as a process of its own, with one task of the sdxl engine from a file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from shared_schema.engine import file_reference
from tests.neural.vision.conftest import GLASS_SIDE, HOPPER

ROOT = Path(__file__).parents[3]
PATIENCE = 240


def test_a_worker_draws_one_portrait_from_a_request(glass: Path, tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.mkdir()
    (job / "prompt").write_text("an admiral")
    shutil.copy(HOPPER, job / "photo")
    task = {
        "id": "debug", "attempt": 1, "stage": "portrait", "engine": "sdxl", "folder": str(job), "seed": 3,
        "inputs": {
            name: {"path": name, "sha256": reference.sha256, "size": reference.size}
            for name in ("prompt", "photo")
            for reference in [file_reference(job / name, job)]
        },
        "params": {"type": "portrait", "drawing": {"steps": 10, "strength": 0.2, "count": 2}},
    }  # fmt: skip
    (tmp_path / "task.json").write_text(json.dumps(task))
    done = subprocess.run(
        [sys.executable, "-m", "vision_worker", "--request", tmp_path / "task.json"],
        env={**os.environ, "AVATAR_HOME": str(glass), "PYTHONPATH": f"{ROOT}:{ROOT / 'envs/vision-py312'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    names = [artifact["name"] for artifact in result["artifacts"]]
    assert names == ["face", "face-2", "portrait", "portrait-2", "sheet"]
    assert result["outcome"]["source"].startswith("drawn by sdxl-base, seed ")
    with Image.open(job / "portrait.png") as image:
        assert image.size == (GLASS_SIDE, GLASS_SIDE)
    # Libraries have much to say while they are imported; none of it is of use to who reads the log.
    noise = [line for line in done.stderr.splitlines() if "Warning" in line or "torchvision" in line]
    assert noise == []
