"""LoRA files on SDXL's real nets: they change the picture, fit or are refused, and leave no trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from shared_schema.errors import InputError, WeightsError
from shared_schema.messages import FileRef, Task
from shared_schema.stages import Drawing, PortraitParams, Stage
from tests.neural.vision.conftest import draw
from tests.neural.vision.loras import make_foreign_lora, make_lora, make_no_lora
from vision_worker.images import Pixels
from vision_worker.sdxl.adapters import Adapter, digests, wear
from vision_worker.sdxl.checkpoint import Checkpoint
from vision_worker.sdxl.network import Network, load


@pytest.fixture(scope="module")
def dressed(tiny: Path) -> Network:
    """Nets of these tests' own."""
    folder = tiny / "models" / "sdxl-base"
    return load(Checkpoint(folder, folder), torch.float32)


@pytest.fixture
def bare(dressed: Network) -> Pixels:
    """The picture without any LoRA."""
    wear(dressed, [])
    return draw(dressed)


def adapter(path: Path, scale: float = 1.0) -> Adapter:
    return Adapter(path, scale, "0" * 64)


@pytest.mark.parametrize("style", ["diffusers", "kohya"])
def test_a_lora_changes_the_picture_and_taken_off_has_changed_nothing(
    dressed: Network, bare: Pixels, tmp_path: Path, style: str
) -> None:
    path = make_lora(tmp_path / "a.safetensors", style="kohya" if style == "kohya" else "diffusers")
    before = {name: tensor.clone() for name, tensor in dressed.painter.unet.state_dict().items()}
    wear(dressed, [adapter(path)])
    assert np.abs(draw(dressed).astype(int) - bare).mean() > 2
    wear(dressed, [])
    after = dressed.painter.unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert np.array_equal(draw(dressed), bare)


def test_the_scale_says_how_much(dressed: Network, bare: Pixels, tmp_path: Path) -> None:
    path = make_lora(tmp_path / "a.safetensors")
    away = []
    for scale in (0.0, 0.1, 1.0):
        wear(dressed, [adapter(path, scale)])
        away.append(float(np.abs(draw(dressed).astype(int) - bare).mean()))
    assert away[0] < 0.01
    assert away[0] < away[1] < away[2]


def test_two_add_up(dressed: Network, bare: Pixels, tmp_path: Path) -> None:
    one, other = (make_lora(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (1, 2))
    pictures = []
    for worn in ([adapter(one)], [adapter(other)], [adapter(one), adapter(other)]):
        wear(dressed, worn)
        pictures.append(draw(dressed))
    for place, picture in enumerate(pictures):
        for another in [bare, *pictures[place + 1 :]]:
            assert np.abs(picture.astype(int) - another).mean() > 1


def test_a_lora_moves_with_the_nets(dressed: Network, bare: Pixels, tmp_path: Path) -> None:
    wear(dressed, [adapter(make_lora(tmp_path / "a.safetensors", style="kohya"))])
    wanted = draw(dressed)
    for part in dressed.parts:
        dressed.use(part, "cpu:0", alone=False)
    dressed.leave()
    assert np.array_equal(draw(dressed), wanted)
    assert not np.array_equal(wanted, bare)


def test_what_is_no_lora_for_sdxl_is_refused_and_nothing_stays_of_it(
    dressed: Network, bare: Pixels, tmp_path: Path
) -> None:
    good = make_lora(tmp_path / "good.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(good.read_bytes()[:1000])
    for path, says in {
        make_foreign_lora(tmp_path / "foreign.safetensors"): "another model",
        make_no_lora(tmp_path / "none.safetensors"): "holds no LoRA",
        damaged: "damaged or no safetensors",
    }.items():
        with pytest.raises(WeightsError, match=says):
            wear(dressed, [adapter(good), adapter(path)])
        assert np.array_equal(draw(dressed), bare)


def test_files_and_scales_belong_together_in_the_order_of_their_numbers() -> None:
    files = {f"lora-{n}" if n > 1 else "lora": FileRef("input", f"{n:064x}", 1) for n in range(11, 0, -1)}
    scales = [n / 10 for n in range(1, 12)]

    def task(**changes: list[float]) -> Task:
        wish = PortraitParams(drawing=Drawing(lora_scales=changes.get("scales", scales)))
        return Task("test", 1, Stage.PORTRAIT, "sdxl", "/nowhere", files, wish)

    assert digests(task()) == [(f"{n:064x}", n / 10) for n in range(1, 12)]
    with pytest.raises(InputError, match="11 LoRA files and 2 scales"):
        digests(task(scales=[1.0, 1.0]))
