"""Wav2Lip draws what the published code does, from weights in either layout, and refuses all others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lipsync_worker.wav2lip.model import NAME, Network, build, load
from orchestrator.models.convert import to_safetensors
from shared_schema.errors import WeightsError
from shared_schema.residence import Residence
from tests.neural.lipsync import tiny_wav2lip

State = dict[str, Tensor]

both = pytest.mark.parametrize("side", [96, 256])


def picture(network: Network) -> Tensor:
    return network.render(*tiny_wav2lip.inputs(network.side))


def holds(network: Network, state: State) -> bool:
    """Whether its tensors are these, number for number."""
    own = network.model.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], state[name]) for name in own)


@both
def test_it_draws_what_the_published_code_does(side: int) -> None:
    state = tiny_wav2lip.state(side)
    network = build(state, "x")
    faces, mel = tiny_wav2lip.inputs(side)
    drawn = network.render(faces, mel)
    assert (network.side, drawn.shape) == (side, (2, 3, side, side))
    assert 0.1 < drawn.std() < 0.4, "it is neither grey nor black and white"
    assert torch.allclose(drawn, tiny_wav2lip.drawn(state, side, faces, mel), atol=1e-5)


@both
def test_sound_and_both_pictures_change_what_is_drawn(side: int) -> None:
    network = build(tiny_wav2lip.state(side), "x")
    faces, mel = tiny_wav2lip.inputs(side)
    drawn = network.render(faces, mel)
    swapped = torch.cat((faces[:, 3:], faces[:, :3]), 1)
    other = torch.cat((faces[:, :3], faces.flip(0)[:, 3:]), 1)
    for changed in (
        network.render(faces, mel.flip(0)),
        network.render(swapped, mel),
        network.render(other, mel),
    ):
        assert (changed - drawn).abs().mean() > 1e-3


def test_a_face_is_drawn_alike_alone_and_among_others() -> None:
    network = build(tiny_wav2lip.state(96), "x")
    faces, mel = tiny_wav2lip.inputs(96, batch=5)
    together = network.render(faces, mel)
    assert not together.requires_grad
    for at in range(5):
        assert torch.allclose(
            network.render(faces[at : at + 1], mel[at : at + 1])[0], together[at], atol=1e-5
        )


@pytest.mark.parametrize(
    ("side", "parameters"),
    # 36.3 million are Kim et al.'s count (A Unified Compression Framework for Efficient Speech-Driven
    # Talking-Face Generation, 2023); wav2lip256.pth is said to have 215 MB.
    [(96, 36_298_035), (256, 53_605_683)],
)
def test_at_full_size_it_has_as_many_parameters_as_are_published(side: int, parameters: int) -> None:
    network = build(tiny_wav2lip.state(side, full=True, device="meta"), "x")
    assert sum(each.numel() for each in network.model.parameters()) == parameters


@both
def test_without_its_batch_norms_it_draws_the_same(side: int) -> None:
    network = build(tiny_wav2lip.state(side), "x")
    before = picture(network)
    network.fuse()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.model.modules())
    after = picture(network)
    assert not torch.equal(after, before), "there was something to fuse"
    assert torch.allclose(after, before, atol=1e-5)
    network.fuse()
    assert torch.equal(picture(network), after)


def test_elsewhere_it_computes_with_the_weights_that_are_there(tmp_path: Path) -> None:
    network = load(tiny_wav2lip.make(tmp_path / "weights"))
    network.fuse()
    weights = Residence([network.model])
    before = picture(network)
    weights.to_device("cpu:0")
    kept = weights._home.clone()
    weights._home.zero_()
    assert torch.equal(picture(network), before)
    weights._home.copy_(kept)
    weights.to_host()
    assert torch.equal(picture(network), before)
    weights.drop()


@both
def test_weights_are_read_from_a_folder(tmp_path: Path, side: int) -> None:
    folder = tiny_wav2lip.make(tmp_path / "weights", side)
    network = load(folder)
    assert holds(network, tiny_wav2lip.state(side))
    assert network.side == side
    (folder / NAME).rename(folder / "another.safetensors")
    assert holds(load(folder), tiny_wav2lip.state(side))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_as_training_left_it_is_read_when_it_was_converted(
    tmp_path: Path, *, zipped: bool
) -> None:
    state = tiny_wav2lip.state(96)
    saved = {f"module.{name}": tensor for name, tensor in state.items()}
    checkpoint = {"state_dict": saved, "optimizer": None, "global_step": 3, "global_epoch": 1}
    torch.save(checkpoint, tmp_path / "wav2lip_gan.pth", _use_new_zipfile_serialization=zipped)
    to_safetensors(tmp_path / "wav2lip_gan.pth", tmp_path / NAME, under="state_dict")
    assert holds(load(tmp_path), state)


@pytest.mark.parametrize("prefix", ["module.", "state_dict.", "state_dict.module."])
def test_what_training_puts_before_the_names_is_no_matter(prefix: str) -> None:
    state = tiny_wav2lip.state(96)
    assert holds(build({f"{prefix}{name}": tensor for name, tensor in state.items()}, "x"), state)


def test_trainings_own_counters_may_be_left_out() -> None:
    state = tiny_wav2lip.state(96)
    fewer = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert len(fewer) < len(state)
    assert torch.equal(picture(build(fewer, "x")), picture(build(state, "x")))


def test_weights_in_half_precision_are_widened() -> None:
    halves = {
        name: each.half() if each.is_floating_point() else each
        for name, each in tiny_wav2lip.state(96).items()
    }
    network = build(halves, "x")
    assert {each.dtype for each in network.model.parameters()} == {torch.float32}
    assert torch.allclose(picture(network), picture(build(tiny_wav2lip.state(96), "x")), atol=0.02)


FIRST = "audio_encoder.0.conv_block.0"


@both
@pytest.mark.parametrize(
    "name", [f"{FIRST}.bias", "output_block.1.bias", "face_decoder_blocks.3.1.conv_block.1.running_var"]
)
def test_a_missing_tensor_is_named(side: int, name: str) -> None:
    state = tiny_wav2lip.state(side)
    del state[name]
    with pytest.raises(WeightsError, match=f"weights mine lack {name}\\."):
        build(state, "mine")


@pytest.mark.parametrize(
    "name", [f"{FIRST}.weight", "audio_encoder.12.conv_block.0.weight", "output_block.1.weight"]
)
def test_a_missing_weight_is_named_though_the_layers_width_is_told_by_it(name: str) -> None:
    state = tiny_wav2lip.state(96)
    del state[name]
    with pytest.raises(WeightsError, match=f"weights mine lack {name}\\."):
        build(state, "mine")


@pytest.mark.parametrize(
    "name", ["sam.sa.conv1.weight", "audio_encoder.13.conv_block.0.weight", "audio_encoder.0.act.weight"]
)
def test_a_tensor_that_is_left_over_is_named(name: str) -> None:
    with pytest.raises(WeightsError, match=f"mine have no place for {name}\\."):
        build(tiny_wav2lip.state(96) | {name: torch.zeros(4)}, "mine")


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(WeightsError, match=f"mine hold {FIRST}.bias twice"):
        build(tiny_wav2lip.state(96) | {f"module.{FIRST}.bias": torch.zeros(4)}, "mine")


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        (f"{FIRST}.bias", (5,), r"of shape \(5,\), not \(4,\)"),
        (f"{FIRST}.weight", (4, 1, 5, 5), r"of shape \(4, 1, 5, 5\), not \(4, 1, 3, 3\)"),
        (f"{FIRST}.weight", (4, 1, 9), r"do not fit together: .*weight has 3 dimensions, not 4"),
        ("output_block.1.weight", (6, 4, 1, 1), r"of shape \(6, 4, 1, 1\), not \(3, 4, 1, 1\)"),
    ],
)
def test_a_tensor_of_another_shape_is_named(name: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        build(tiny_wav2lip.state(96) | {name: torch.zeros(shape)}, "mine")


def test_layers_that_do_not_follow_each_other_are_refused() -> None:
    state = tiny_wav2lip.state(96)
    for name in ("weight", "bias", "running_mean", "running_var"):
        state[f"audio_encoder.12.conv_block.1.{name}"] = torch.ones(32)
    state["audio_encoder.12.conv_block.0.weight"] = torch.ones(32, 64, 1, 1)
    state["audio_encoder.12.conv_block.0.bias"] = torch.ones(32)
    with pytest.raises(WeightsError, match="mine do not fit together: ") as caught:
        build(state, "mine")
    assert "\n" not in caught.value.message


def with_a_block_more(state: State) -> None:
    for name in [name for name in state if name.startswith("face_encoder_blocks.6.0")]:
        state[name.replace("blocks.6", "blocks.7")] = state[name]


def with_a_layer_more(state: State) -> None:
    for name in [name for name in state if name.startswith("face_encoder_blocks.1.2")]:
        state[name.replace("blocks.1.2", "blocks.1.3")] = state[name]


def with_another_decoder(state: State) -> None:
    for name in [name for name in state if name.startswith("face_decoder_blocks")]:
        del state[name]
    state |= {name: each for name, each in tiny_wav2lip.state(256).items() if name.startswith("face_decoder")}


def of_something_else(state: State) -> None:
    state.clear()
    state["unet.conv_in.weight"] = torch.zeros(4, 4, 3, 3)


@pytest.mark.parametrize(
    "change", [with_a_block_more, with_a_layer_more, with_another_decoder, of_something_else, dict.clear]
)
def test_other_layouts_are_refused(change: Callable[[State], None]) -> None:
    state = tiny_wav2lip.state(96)
    change(state)
    with pytest.raises(
        WeightsError, match=r"^The Wav2Lip weights mine are of an unknown layout\. Those of 96"
    ):
        build(state, "mine")


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x02}q\x00.", bytes(range(256))])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(WeightsError, match=f"{NAME} are damaged: ") as caught:
        load(tmp_path)
    assert caught.value.hint == "Run `avatar models verify wav2lip`, and fetch it again."


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = tiny_wav2lip.make(tmp_path / "weights") / NAME
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="are damaged: "):
        load(path.parent)


def test_a_folder_without_weights_or_with_several_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wav2lip_gan.pth").write_bytes(b"pickled")
    with pytest.raises(WeightsError, match=rf"lack {NAME}\. Run"):
        load(tmp_path)
    for name in ("a", "b"):
        save_file({"x": torch.zeros(1)}, tmp_path / f"{name}.safetensors")
    with pytest.raises(WeightsError, match=rf"lack {NAME}, and have 2 other files in its place\."):
        load(tmp_path)
