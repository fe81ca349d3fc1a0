"""Fixes the random numbers in an ONNX graph, so that the same input always gives the same output.

    RandomNormalLike(x)  ──>  the first numbers of a fixed table, repeated as needed, in x's shape

Kokoro's vocoder mixes noise into its excitation and lets the harmonics begin anywhere. onnxruntime goes
on drawing where the last run has left off, whatever seed the graph gives (its issue 20054), so how a
sentence sounds would depend on those before it. Here each such node gives way to some that read a table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tts_worker.graph import GRAPH_NODE, MODEL_GRAPH, NODE_INPUT, NODE_OPERATION, NODE_OUTPUT
from tts_worker.protobuf import encoded, fields, header, integer, messages, text

__all__ = ["SIZE", "with_fixed_noise"]

SIZE = 262_139
"""Numbers in a table: a prime, so that each of nine harmonics hears its own again after eleven seconds."""

# Field numbers of onnx.proto3.
GRAPH_INITIALIZER = 5
NODE_ATTRIBUTE = 5
ATTRIBUTE_NAME = 1
ATTRIBUTE_FLOAT = 2
TENSOR_DIMS = 1
TENSOR_TYPE = 2
TENSOR_NAME = 8
TENSOR_BYTES = 9

FLOAT, INT64 = 1, 7
"""Types of onnx.TensorProto."""

NORMAL, UNIFORM = b"RandomNormalLike", b"RandomUniformLike"

Table = npt.NDArray[np.float32] | npt.NDArray[np.int64]


def with_fixed_noise(model: bytes) -> bytes:
    """The model with all that its graph draws like another value read from tables instead.

    Malformed where these bytes are no model.
    """
    if NORMAL not in model and UNIFORM not in model:
        return model
    pieces: list[bytes | memoryview] = []
    for field in fields(model):
        if field.number == MODEL_GRAPH:
            # Joined once, at the end: the weights are in it.
            graph = list(_graph(field.value))
            pieces += [header(MODEL_GRAPH, sum(map(len, graph))), *graph]
        else:
            pieces.append(field.raw)
    return b"".join(pieces)


def _graph(graph: memoryview) -> Iterator[bytes | memoryview]:
    """The fields of a graph, its random nodes replaced, their tables added."""
    rng = np.random.default_rng(0)
    for field in fields(graph):
        operation = text(field.value, NODE_OPERATION) if field.number == GRAPH_NODE else ""
        if operation.encode() in (NORMAL, UNIFORM):
            yield from _replacement(field.value, _table(field.value, operation.encode(), rng))
        else:
            yield field.raw


def _table(node: memoryview, operation: bytes, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """`SIZE` numbers of a node's distribution, by its attributes and ONNX's defaults."""
    if operation == NORMAL:
        table = rng.normal(_attribute(node, "mean", 0.0), _attribute(node, "scale", 1.0), SIZE)
    else:
        table = rng.uniform(_attribute(node, "low", 0.0), _attribute(node, "high", 1.0), SIZE)
    return table.astype(np.float32)


def _attribute(node: memoryview, name: str, default: float) -> float:
    for attribute in messages(node, NODE_ATTRIBUTE):
        if text(attribute, ATTRIBUTE_NAME) == name:
            return float(struct.unpack("<f", next(messages(attribute, ATTRIBUTE_FLOAT)))[0])
    return default


def _replacement(node: memoryview, table: npt.NDArray[np.float32]) -> Iterator[bytes]:
    """The constants and nodes that give a value of the same name and shape as the random node gave."""
    like, result = text(node, NODE_INPUT), text(node, NODE_OUTPUT)
    own = f"{result}/fixed/"
    constants: dict[str, Table] = {
        "table": table,
        "size": np.asarray([SIZE]),
        "zero": np.asarray([0]),
        "one": np.asarray([1]),
    }
    nodes = (
        ("Shape", [like], own + "shape"),
        ("ReduceProd", [own + "shape"], own + "count"),
        ("Div", [own + "count", own + "size"], own + "full"),
        ("Add", [own + "full", own + "one"], own + "repeats"),
        ("Tile", [own + "table", own + "repeats"], own + "numbers"),
        ("Slice", [own + "numbers", own + "zero", own + "count"], own + "flat"),
        ("Reshape", [own + "flat", own + "shape"], result),
    )
    for name, values in constants.items():
        yield encoded(GRAPH_INITIALIZER, _tensor(own + name, values))
    for operation, inputs, output in nodes:
        yield encoded(GRAPH_NODE, _node(operation, inputs, output))


def _tensor(name: str, values: Table) -> bytes:
    """A one-dimensional onnx.TensorProto."""
    kind, layout = (FLOAT, "<f4") if values.dtype == np.float32 else (INT64, "<i8")
    return (
        integer(TENSOR_DIMS, len(values))
        + integer(TENSOR_TYPE, kind)
        + encoded(TENSOR_NAME, name.encode())
        + encoded(TENSOR_BYTES, values.astype(layout).tobytes())
    )


def _node(operation: str, inputs: Sequence[str], output: str) -> bytes:
    """An onnx.NodeProto."""
    return (
        b"".join(encoded(NODE_INPUT, name.encode()) for name in inputs)
        + encoded(NODE_OUTPUT, output.encode())
        + encoded(NODE_OPERATION, operation.encode())
    )
