"""What a graph draws at random is fixed: the same input gives the same output, as random as before."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tests.workers.tts import tiny_kokoro
from tts_worker.kokoro.noise import SIZE, with_fixed_noise
from tts_worker.protobuf import Malformed


def graph(kind: str, **attributes: Any) -> bytes:
    """A model that draws like its input, which may have any shape of three axes."""
    axes = ["a", "b", "c"]
    made = helper.make_graph(
        [
            helper.make_node("Identity", ["x"], ["same"]),
            helper.make_node(kind, ["same"], ["drawn"], **attributes),
            helper.make_node("Identity", ["drawn"], ["y"]),
        ],
        "drawing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, axes)],
    )
    opset = helper.make_opsetid("", 17)
    content: bytes = helper.make_model(made, opset_imports=[opset], ir_version=8).SerializeToString()
    return content


def drawn(model: bytes, *shapes: tuple[int, int, int]) -> list[np.ndarray]:
    """What one session gives for inputs of these shapes, one after the other."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [session.run(None, {"x": np.zeros(shape, np.float32)})[0] for shape in shapes]


@pytest.mark.parametrize("kind", ["RandomNormalLike", "RandomUniformLike"])
def test_a_session_draws_the_same_each_time_though_onnxruntime_does_not(kind: str) -> None:
    shape = (1, 50, 9)
    first, second = drawn(graph(kind, seed=1.0), shape, shape)
    assert not np.array_equal(first, second)
    first, other, second = drawn(with_fixed_noise(graph(kind, seed=1.0)), shape, (1, 7, 3), shape)
    assert first.shape == shape
    assert other.shape == (1, 7, 3)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("count", [1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 2 * SIZE + 5])
def test_any_number_of_them_is_given(count: int) -> None:
    (values,) = drawn(with_fixed_noise(graph("RandomNormalLike")), (1, count, 1))
    assert values.shape == (1, count, 1)
    assert np.count_nonzero(values) == count


def test_the_distribution_is_the_one_that_the_graph_asks_for() -> None:
    shape = (1, SIZE // 9, 9)
    (normal,) = drawn(with_fixed_noise(graph("RandomNormalLike", mean=3.0, scale=0.5)), shape)
    (standard,) = drawn(with_fixed_noise(graph("RandomNormalLike")), shape)
    (uniform,) = drawn(with_fixed_noise(graph("RandomUniformLike", low=2.0, high=4.0)), shape)
    (unit,) = drawn(with_fixed_noise(graph("RandomUniformLike")), shape)
    assert (normal.mean(), normal.std()) == pytest.approx((3.0, 0.5), abs=0.01)
    assert (standard.mean(), standard.std()) == pytest.approx((0.0, 1.0), abs=0.01)
    assert (uniform.min(), uniform.max()) == pytest.approx((2.0, 4.0), abs=0.001)
    assert (unit.min(), unit.max()) == pytest.approx((0.0, 1.0), abs=0.001)


def test_it_is_white_and_no_harmonic_hears_anothers() -> None:
    (values,) = drawn(with_fixed_noise(graph("RandomNormalLike")), (1, 100_000, 9))
    related = np.corrcoef(values[0].T) - np.eye(9)
    assert np.abs(related).max() < 0.02
    power = np.abs(np.fft.rfft(values[0, :, 0]))[1:] ** 2
    bands = [band.mean() for band in np.array_split(power, 50)]
    assert max(bands) < 1.5 * min(bands)


def test_nothing_else_in_the_model_is_touched() -> None:
    plain = graph("Identity")
    assert with_fixed_noise(plain) is plain
    before, after = tiny_kokoro.model(), onnx.ModelProto()
    after.ParseFromString(with_fixed_noise(before.SerializeToString()))
    onnx.checker.check_model(after)
    kept = [node for node in before.graph.node if not node.op_type.startswith("Random")]
    assert [node for node in after.graph.node if "/fixed/" not in str(node)] == kept
    assert list(after.graph.input) == list(before.graph.input)
    assert list(after.graph.output) == list(before.graph.output)
    assert [tensor for tensor in after.graph.initializer if "/fixed/" not in tensor.name] == list(
        before.graph.initializer
    )
    assert after.opset_import == before.opset_import


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_model_that_was_cut_off_is_refused(share: float) -> None:
    model = tiny_kokoro.model().SerializeToString()
    with pytest.raises(Malformed):
        with_fixed_noise(model[: int(share * len(model))])
