"""The face parser reads the published layout, sees what Pillow would show it, and shapes MuseTalk's masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from lipsync_worker.arrays import Picture, picture
from lipsync_worker.masks import jaw
from lipsync_worker.parser.net import CLASSES, BiSeNet
from lipsync_worker.parser.parse import FaceParser, load, replaced, shown
from shared_schema.errors import WeightsError

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def heads() -> State:
    """The two outputs for training, which are in the published file and of no use here."""
    state = {}
    for name in ("conv_out16", "conv_out32"):
        state[f"{name}.conv.conv.weight"] = torch.zeros(64, 128, 3, 3)
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.conv.bn.{part}"] = torch.zeros(64)
        state[f"{name}.conv.bn.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
        state[f"{name}.conv_out.weight"] = torch.zeros(CLASSES, 64, 1, 1)
    return state


@pytest.fixture(scope="module")
def net() -> BiSeNet:
    """Made-up weights, drawn so that the classes of a picture differ."""
    dice = torch.Generator().manual_seed(3)
    made = BiSeNet().eval()
    for name, tensor in made.state_dict().items():
        if tensor.dim() > 1:
            tensor.copy_(torch.randn(tensor.shape, generator=dice) * (2 / tensor[0].numel()) ** 0.5)
        elif tensor.dim():  # norms that do something
            low = -0.1 if name.endswith(("bias", "mean")) else 0.8
            tensor.uniform_(low, low + 0.3, generator=dice)
    return made


@pytest.fixture
def folder(net: BiSeNet, tmp_path: Path) -> Path:
    save_file(net.state_dict() | heads(), tmp_path / "79999_iter.safetensors")
    return tmp_path


def wired(state: State, pictures: torch.Tensor) -> torch.Tensor:
    """The published wiring, written down a second time: what goes where, from the tensors' names alone."""

    def convolved(at: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        weight = state[f"{at}.weight"]
        return functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def normed(at: str, x: torch.Tensor) -> torch.Tensor:
        mean, spread = state[f"{at}.running_mean"], state[f"{at}.running_var"]
        return functional.batch_norm(x, mean, spread, state[f"{at}.weight"], state[f"{at}.bias"])

    def layer(at: str, x: torch.Tensor) -> torch.Tensor:
        return normed(f"{at}.bn", convolved(f"{at}.conv", x)).relu()

    def block(at: str, x: torch.Tensor, stride: int) -> torch.Tensor:
        first = normed(f"{at}.bn1", convolved(f"{at}.conv1", x, stride)).relu()
        second = normed(f"{at}.bn2", convolved(f"{at}.conv2", first))
        if f"{at}.downsample.0.weight" in state:
            x = normed(f"{at}.downsample.1", convolved(f"{at}.downsample.0", x, stride))
        return (x + second).relu()

    def attended(at: str, x: torch.Tensor) -> torch.Tensor:
        x = layer(f"{at}.conv", x)
        mean = functional.adaptive_avg_pool2d(x, 1)
        return x * normed(f"{at}.bn_atten", convolved(f"{at}.conv_atten", mean)).sigmoid()

    x = normed("cp.resnet.bn1", convolved("cp.resnet.conv1", pictures, 2)).relu()
    x, seen = functional.max_pool2d(x, 3, 2, 1), []
    for number in (1, 2, 3, 4):
        x = block(f"cp.resnet.layer{number}.0", x, 1 if number == 1 else 2)
        x = block(f"cp.resnet.layer{number}.1", x, 1)
        seen.append(x)
    _, eighth, sixteenth, least = seen
    context = attended("cp.arm32", least) + layer("cp.conv_avg", functional.adaptive_avg_pool2d(least, 1))
    context = layer("cp.conv_head32", functional.interpolate(context, sixteenth.shape[2:]))
    context = attended("cp.arm16", sixteenth) + context
    context = layer("cp.conv_head16", functional.interpolate(context, eighth.shape[2:]))
    joined = layer("ffm.convblk", torch.cat([eighth, context], 1))
    weights = convolved("ffm.conv1", functional.adaptive_avg_pool2d(joined, 1)).relu()
    joined = joined * (1 + convolved("ffm.conv2", weights).sigmoid())
    scores = convolved("conv_out.conv_out", layer("conv_out.conv", joined))
    return functional.interpolate(scores, pictures.shape[2:], mode="bilinear", align_corners=True)


def stripes() -> Picture:
    y, x, channel = np.mgrid[:180, :180, :3]
    return picture((3 * y + 5 * x + 70 * channel) % 256)


def test_the_names_and_sizes_are_those_of_the_published_file(net: BiSeNet) -> None:
    state = net.state_dict() | heads()
    for name, shape in {
        "cp.resnet.conv1.weight": (64, 3, 7, 7),
        "cp.resnet.layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "cp.arm16.conv.conv.weight": (128, 256, 3, 3),
        "cp.arm32.conv_atten.weight": (128, 128, 1, 1),
        "cp.arm32.bn_atten.running_var": (128,),
        "cp.conv_avg.conv.weight": (128, 512, 1, 1),
        "ffm.convblk.conv.weight": (256, 256, 1, 1),
        "ffm.conv2.weight": (256, 64, 1, 1),
        "conv_out.conv_out.weight": (19, 256, 1, 1),
    }.items():
        assert tuple(state[name].shape) == shape
    # The published file has 53,289,463 bytes; names and a header are the rest.
    total = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    assert 53_000_000 < total < 53_289_463


def test_weights_come_back_and_what_helped_training_alone_is_passed_over(net: BiSeNet, folder: Path) -> None:
    read = load(folder, "v1").net.state_dict()
    for name, tensor in net.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(read[name], tensor), name


def test_a_read_network_finds_the_same_classes_and_several(net: BiSeNet, folder: Path) -> None:
    found = load(folder, "v1.5").classes(stripes())
    assert found.shape == (512, 512)
    assert len(np.unique(found)) > 2
    assert np.array_equal(found, FaceParser(net, "v1").classes(stripes()))


def test_a_parser_shapes_the_classes_that_its_network_finds(net: BiSeNet) -> None:
    for version in ("v1", "v1.5"):
        parser = FaceParser(net, version)
        assert np.array_equal(parser(stripes()), replaced(parser.classes(stripes()), version))


def test_scores_are_those_of_the_published_wiring(net: BiSeNet) -> None:
    pictures = torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        scores = net(pictures)
    assert scores.shape == (2, CLASSES, 96, 128)
    assert torch.allclose(scores, wired(net.state_dict(), pictures), atol=1e-4 * float(scores.std()))


@pytest.mark.parametrize("name", ["cp.arm16.bn_atten.bias", "ffm.conv1.weight"])
def test_a_missing_tensor_is_named(net: BiSeNet, tmp_path: Path, name: str) -> None:
    state = net.state_dict()
    del state[name]
    save_file(state, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=f"{name} is missing"):
        load(tmp_path, "v1")


def test_a_tensor_of_another_network_is_named(net: BiSeNet, tmp_path: Path) -> None:
    save_file(net.state_dict() | {"sp.conv1.conv.weight": torch.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"sp\.conv1\.conv\.weight has no place"):
        load(tmp_path, "v1")


def test_a_tensor_of_another_shape_is_named(net: BiSeNet, tmp_path: Path) -> None:
    save_file(net.state_dict() | {"ffm.conv1.weight": torch.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"ffm\.conv1\.weight has the shape \(3,\)"):
        load(tmp_path, "v1")


@pytest.mark.parametrize("content", [None, b"not weights"])
def test_a_folder_without_readable_weights_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="no safetensors file that can be read"):
        load(tmp_path, "v1")


@pytest.mark.parametrize("side", [90, 180, 512, 700, 1100])
def test_the_network_is_shown_what_pillow_would_show_it(side: int) -> None:
    dice = np.random.default_rng(side)
    crop = dice.integers(0, 256, (side, side, 3), dtype=np.uint8)
    image = Image.fromarray(crop[..., ::-1]).resize((512, 512), Image.Resampling.BILINEAR)
    levels = shown(crop)[0].permute(1, 2, 0) * torch.tensor((0.229, 0.224, 0.225))
    levels = (levels + torch.tensor((0.485, 0.456, 0.406))) * 255
    assert np.abs(levels.numpy() - np.asarray(image)).max() < 1.01


def test_each_version_takes_its_classes() -> None:
    classes = np.zeros((512, 512), np.uint8)
    classes[100:400, 100:420] = 1
    classes[200:260, 230:290] = 10
    classes[300:340, 200:320] = 12
    classes[310:330, 210:310] = 11
    classes[400:480, 150:370] = 14
    v1, v15 = (replaced(classes, version) for version in ("v1", "v1.5"))
    assert np.array_equal(v1 == 255, np.isin(classes, [1, 11, 12, 13]))
    assert set(np.unique(v15)) == {0, 255}
    assert not v15[classes == 10].any()
    assert v15[classes == 12].all()
    assert v15[395, 256]
    assert not v15[395, 110]


def test_the_jaw_of_one_pixel_is_the_published_kernel() -> None:
    skin = np.zeros((512, 512), np.uint8)
    skin[300, 256] = 255
    grown = jaw(skin, np.zeros_like(skin), np.zeros_like(skin))
    rows = np.flatnonzero(grown.any(1))
    # Upwards a tail of constant width, downwards a tip: the kernel's centre is its pixel 16 of 33.
    assert (rows[0], rows[-1]) == (300 - 16, 300 + 6)
    widths = [int(np.count_nonzero(grown[row])) for row in rows]
    assert widths == [21] * 13 + list(range(19, 0, -2))


def test_cheeks_lose_two_ellipses_and_the_middle_nothing() -> None:
    skin = np.zeros((512, 512), np.uint8)
    skin[:400, 100:412] = 255
    shape = jaw(skin, np.zeros_like(skin), np.zeros_like(skin))
    columns = np.flatnonzero(shape[256])
    # Grown by 10 on either side, then trimmed by twice 17.
    assert (columns[0], columns[-1]) == (100 - 10 + 34, 411 + 10 - 34)
    assert np.flatnonzero(shape[:, 256])[-1] == 399 + 6
    assert np.flatnonzero(shape[:, 160])[-1] == 399 + 6 - 2
    narrow = np.zeros_like(skin)
    narrow[:, 190:322] = 255
    columns = np.flatnonzero(jaw(narrow, np.zeros_like(skin), np.zeros_like(skin))[256])
    assert (columns[0], columns[-1]) == (180, 331)
