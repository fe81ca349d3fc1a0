"""Exposes an inner value of an ONNX graph as an output, so that a model tells what it computes on the way.

Done on the bytes (`protobuf`, onnx.proto3): a message's field that occurs twice is merged, so an output is
added by appending a graph that holds nothing else.
"""

from __future__ import annotations

from shared_schema.errors import EngineUnavailable
from tts_worker.protobuf import Malformed, encoded, messages, text

__all__ = [
    "GRAPH_NODE",
    "GRAPH_OUTPUT",
    "MODEL_GRAPH",
    "NODE_INPUT",
    "NODE_OPERATION",
    "NODE_OUTPUT",
    "expose",
    "output_of_clamped_round",
]

# Field numbers of onnx.proto3.
MODEL_GRAPH = 7
GRAPH_NODE = 1
GRAPH_OUTPUT = 12
NODE_INPUT = 1
NODE_OUTPUT = 2
NODE_OPERATION = 4
VALUE_NAME = 1


def expose(model: bytes, value: str) -> bytes:
    """The model with the inner value of this name as a further, last output."""
    output = encoded(GRAPH_OUTPUT, encoded(VALUE_NAME, value.encode()))
    return model + encoded(MODEL_GRAPH, output)


def output_of_clamped_round(model: bytes) -> str:
    """The name of what the one `Clip` node behind a `Round` node gives: a duration model's counts.

    EngineUnavailable where the graph has no such node, or several.
    """
    try:
        found = _clamped_rounds(model)
    except Malformed as error:
        raise EngineUnavailable(
            "The speech model's file is damaged.", "Run `avatar envs sync tts`."
        ) from error
    if len(found) != 1:
        raise EngineUnavailable(
            f"The speech model has {len(found)} duration outputs where one is expected.",
            "Run `avatar envs sync tts` to install the version that this worker knows.",
        )
    return found[0]


def _clamped_rounds(model: bytes) -> list[str]:
    rounded: set[str] = set()
    clips: list[tuple[str, str]] = []
    for graph in messages(model, MODEL_GRAPH):
        for node in messages(graph, GRAPH_NODE):
            operation = text(node, NODE_OPERATION)
            if operation == "Round":
                rounded.add(text(node, NODE_OUTPUT))
            elif operation == "Clip":
                clips.append((text(node, NODE_INPUT), text(node, NODE_OUTPUT)))
    return [output for source, output in clips if source in rounded]
