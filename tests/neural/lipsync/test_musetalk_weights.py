"""What is wrong with MuseTalk's weights is said in one line, nothing in them can run, none is made up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lipsync_worker.models import MUSETALK, VAE, WHISPER
from lipsync_worker.musetalk.model import Network, load
from shared_schema.errors import WeightsError
from tests.neural.lipsync.conftest import folders

CONFIG, UNET = "musetalk-v15/musetalkV15/musetalk.json", "musetalk-v15/musetalkV15/unet.safetensors"
VAE_CONFIG, VAE_WEIGHTS = f"{VAE}/config.json", f"{VAE}/diffusion_pytorch_model.safetensors"
WHISPER_CONFIG, BANDS = f"{WHISPER}/config.json", f"{WHISPER}/preprocessor_config.json"
WHISPER_WEIGHTS = f"{WHISPER}/model.safetensors"
SETTINGS = (CONFIG, VAE_CONFIG, WHISPER_CONFIG, BANDS)
WEIGHTS = (UNET, VAE_WEIGHTS, WHISPER_WEIGHTS)
KINDS = {"musetalk-v15": "MuseTalk", VAE: "VAE", WHISPER: "Whisper"}

State = dict[str, torch.Tensor]


def read(home: Path, dtype: torch.dtype = torch.float32) -> Network:
    return load(folders(home), dtype)


def refused(home: Path, name: str) -> str:
    """Why the weights, of which a file is wrong, are not read; in one line, with what to do."""
    model = name.partition("/")[0]
    with pytest.raises(WeightsError) as caught:
        read(home)
    start = f"The {KINDS[model]} weights {model} cannot be read: "
    assert caught.value.message.startswith(start)
    assert "\n" not in caught.value.message
    assert caught.value.hint == f"Run `avatar models verify {model}`, and fetch them again."
    return caught.value.message.removeprefix(start)


def put(path: Path, content: bytes) -> None:
    """Replace a file: it is a link to one that other tests use."""
    path.unlink()
    path.write_bytes(content)


def change(path: Path, **settings: Any) -> None:
    put(path, json.dumps(json.loads(path.read_text()) | settings).encode())


@pytest.mark.parametrize("name", [*SETTINGS, *WEIGHTS])
def test_a_missing_file_is_named(home: Path, name: str) -> None:
    (home / "models" / name).unlink()
    assert refused(home, name) == f"{Path(name).name} is missing."


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("content", [b'{"act_fn', bytes(range(256))])
def test_settings_that_are_none_are_refused(home: Path, name: str, content: bytes) -> None:
    put(home / "models" / name, content)
    assert refused(home, name).startswith(f"{Path(name).name} is damaged, ")


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("content", [b"3", b'"someone/else"'])
def test_settings_are_not_taken_for_the_name_of_others_on_a_network(
    home: Path, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny_network(monkeypatch)
    put(home / "models" / name, content)
    assert refused(home, name) == f"{Path(name).name} holds no settings."


def deny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_arguments: object, **_named: object) -> None:
        raise AssertionError("it reached for the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(f"socket.{name}", deny)


def test_weights_are_read_without_a_network(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deny_network(monkeypatch)
    assert read(home).version == "v1.5"


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("left", [0, 1000, -1])
def test_weights_that_are_cut_short_are_refused(home: Path, name: str, left: int) -> None:
    path = home / "models" / name
    put(path, path.read_bytes()[:left])
    assert ("Unable to load weights" if name == VAE_WEIGHTS else "header") in refused(home, name)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        (CONFIG, {"layers_per_block": 3}, "down_blocks.0.attentions.2.norm.bias is missing"),
        (CONFIG, {"layers_per_block": 1}, "down_blocks.0.attentions.1.norm.bias has no place"),
        (
            CONFIG,
            {"block_out_channels": [16, 16, 16, 32]},
            "down_blocks.3.resnets.0.conv_shortcut.bias is mis",
        ),
        (CONFIG, {"down_block_types": ["NoSuchBlock"] * 4}, "NoSuchBlock does not exist"),
        (VAE_CONFIG, {"layers_per_block": 3}, "decoder.up_blocks.0.resnets.3.conv1.bias is missing"),
        (VAE_CONFIG, {"layers_per_block": 1}, "decoder.up_blocks.0.resnets.2.conv1.bias is not its own"),
        (VAE_CONFIG, {"block_out_channels": [8, 8, 8, 8]}, "expected shape"),
        (WHISPER_CONFIG, {"encoder_ffn_dim": 32}, "layers.0.fc1.bias is (64,) and should be (32,)"),
    ],
)
def test_weights_that_do_not_fit_their_settings_are_refused(
    home: Path, name: str, settings: dict[str, Any], words: str
) -> None:
    change(home / "models" / name, **settings)
    assert words in refused(home, name)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        (CONFIG, {"in_channels": 4}, "its number of input channels is 4 and should be 8."),
        (CONFIG, {"out_channels": 8}, "its number of output channels is 8 and should be 4."),
        (CONFIG, {"cross_attention_dim": 768}, "its width of contexts is 768 and should be 384."),
        (VAE_CONFIG, {"latent_channels": 16}, "its number of latent channels is 16 and should be 4."),
        (
            VAE_CONFIG,
            {"block_out_channels": [4, 4, 8]},
            "its number of blocks is 3 and should be 4.",
        ),
        (WHISPER_CONFIG, {"d_model": 512}, "its width is 512 and should be 384."),
        (WHISPER_CONFIG, {"encoder_layers": 6}, "its number of layers is 6 and should be 4."),
        (BANDS, {"feature_size": 128}, "its number of bands is 128 and should be 80."),
        (BANDS, {"sampling_rate": 22_050}, "its sample rate is 22050 and should be 16000."),
        (BANDS, {"chunk_length": 10}, "its window is 10 and should be 30."),
    ],
)
def test_another_model_in_the_place_of_one_is_refused(
    home: Path, name: str, settings: dict[str, Any], words: str
) -> None:
    change(home / "models" / name, **settings)
    assert refused(home, name) == words


def save(state: State, path: Path) -> None:
    path.unlink()
    save_file(state, path)


def edit(path: Path, work: Callable[[State], object]) -> None:
    state = load_file(path)
    work(state)
    save(state, path)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        (UNET, "mid_block.attentions.0.proj_in.weight"),
        (VAE_WEIGHTS, "post_quant_conv.weight"),
        (WHISPER_WEIGHTS, "model.encoder.layers.3.fc1.weight"),
    ],
)
def test_a_missing_tensor_is_named_and_not_made_up(home: Path, name: str, tensor: str) -> None:
    edit(home / "models" / name, lambda state: state.pop(tensor))
    assert refused(home, name) == f"{tensor.removeprefix('model.encoder.')} is missing."


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        (UNET, "more.weight", "more.weight has no place."),
        (VAE_WEIGHTS, "more.weight", "more.weight is not its own."),
        (WHISPER_WEIGHTS, "model.encoder.more.weight", "more.weight has no place."),
    ],
)
def test_a_tensor_too_much_is_named(home: Path, name: str, tensor: str, words: str) -> None:
    edit(home / "models" / name, lambda state: state.update({tensor: torch.zeros(2)}))
    assert refused(home, name) == words


def test_the_vaes_old_names_of_attention_are_understood_and_so_are_the_new(home: Path) -> None:
    path = home / "models" / VAE_WEIGHTS
    old = load_file(path)
    query = "decoder.mid_block.attentions.0.query.weight"
    assert query in old
    net = read(home).vae
    assert torch.equal(net.state_dict()[query.replace("query", "to_q")], old[query])
    save(net.state_dict(), path)
    again = read(home).vae.state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in net.state_dict().items())


def test_every_tensor_is_that_of_the_file(home: Path) -> None:
    network = read(home)
    unet, whisper = (load_file(home / "models" / name) for name in (UNET, WHISPER_WEIGHTS))
    assert all(torch.equal(tensor, unet[name]) for name, tensor in network.unet.state_dict().items())
    assert all(
        torch.equal(tensor, whisper[f"model.encoder.{name}"])
        for name, tensor in network.whisper.state_dict().items()
    )


def test_the_latents_scale_is_that_of_stable_diffusion_though_the_file_has_none(home: Path) -> None:
    assert "scaling_factor" not in json.loads((home / "models" / VAE_CONFIG).read_text())
    assert read(home).vae.config.scaling_factor == pytest.approx(0.18215)


def test_weights_are_converted_to_half_precision_and_back_to_full(home: Path) -> None:
    network = read(home, torch.float16)
    for net in (network.unet, network.vae, network.whisper):
        assert {tensor.dtype for tensor in net.state_dict().values()} == {torch.float16}
    half = network.bytes
    network.convert("float32")
    assert network.dtype == torch.float32
    assert network.bytes == pytest.approx(2 * half, rel=0.05)
    assert not any(net.training for net in (network.unet, network.vae, network.whisper))


def test_version_1_has_a_folder_of_its_own(home: Path) -> None:
    found = load(folders(home, "v1"), torch.float32)
    assert found.version == "v1"
    path = home / "models" / MUSETALK["v1"] / "musetalk/unet.safetensors"
    edit(path, lambda state: state["conv_out.bias"].fill_(0.5))
    changed = load(folders(home, "v1"), torch.float32).unet.state_dict()["conv_out.bias"]
    assert changed.eq(0.5).all()
    assert not read(home).unet.state_dict()["conv_out.bias"].eq(0.5).any()


def test_the_decoder_of_whisper_is_not_read(home: Path) -> None:
    path = home / "models" / WHISPER_WEIGHTS
    with safe_open(path, "pt") as file:
        assert "model.decoder.embed_tokens.weight" in file.keys()  # noqa: SIM118 - no mapping
    before = read(home).bytes
    more = {
        "model.decoder.layers.0.fc1.weight": torch.full((500, 384), torch.nan),
        "proj_out.weight": torch.ones(9),
    }
    edit(path, lambda state: state.update(more))
    assert read(home).bytes == before


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize(
    ("name", "pickled"),
    [
        (UNET, "unet.pth"),
        (UNET, "pytorch_model.bin"),
        (VAE_WEIGHTS, "diffusion_pytorch_model.bin"),
        (WHISPER_WEIGHTS, "pytorch_model.bin"),
    ],
)
def test_a_pickled_checkpoint_beside_the_weights_is_never_read(
    home: Path, tmp_path: Path, name: str, pickled: str
) -> None:
    path, trace = home / "models" / name, tmp_path / "it-ran"
    torch.save({"weight": Evil(trace)}, path.with_name(pickled))
    read(home)
    path.unlink()
    assert refused(home, name) == f"{path.name} is missing."
    assert not trace.exists()
    torch.load(path.with_name(pickled), weights_only=False)
    assert trace.is_file(), "the file was not malicious after all"
