"""Exposes an inner value of an ONNX graph as an output, so that a model tells what it computes on the way.

Done on the bytes, because the `onnx` package (17 MB, half a second to import) would be installed for
these two functions alone. The format is protobuf (onnx.proto3): a field is a varint key, which is its
number times 8 plus its wire type, then its value. A message's field that occurs twice is merged, so an
output is added by appending a graph that holds nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared_schema.errors import EngineUnavailable

__all__ = ["expose", "output_of_clamped_round"]

# Field numbers of onnx.proto3.
MODEL_GRAPH = 7
GRAPH_NODE = 1
GRAPH_OUTPUT = 12
NODE_INPUT = 1
NODE_OUTPUT = 2
NODE_OPERATION = 4
VALUE_NAME = 1

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def expose(model: bytes, value: str) -> bytes:
    """The model with the inner value of this name as a further, last output."""
    output = _field(GRAPH_OUTPUT, _field(VALUE_NAME, value.encode()))
    return model + _field(MODEL_GRAPH, output)


def output_of_clamped_round(model: bytes) -> str:
    """The name of what the one `Clip` node behind a `Round` node gives: a duration model's counts.

    EngineUnavailable where the graph has no such node, or several.
    """
    rounded: set[str] = set()
    clips: list[tuple[str, str]] = []
    for graph in _messages(model, MODEL_GRAPH):
        for node in _messages(graph, GRAPH_NODE):
            operation = _text(node, NODE_OPERATION)
            if operation == "Round":
                rounded.add(_text(node, NODE_OUTPUT))
            elif operation == "Clip":
                clips.append((_text(node, NODE_INPUT), _text(node, NODE_OUTPUT)))
    found = [output for source, output in clips if source in rounded]
    if len(found) != 1:
        raise EngineUnavailable(
            f"The speech model has {len(found)} duration outputs where one is expected.",
            "Run `avatar envs sync tts` to install the version that this worker knows.",
        )
    return found[0]


def _text(message: memoryview | bytes, number: int) -> str:
    """The first value of a text field; empty where there is none."""
    return next((bytes(value).decode() for value in _messages(message, number)), "")


def _messages(message: memoryview | bytes, number: int) -> Iterator[memoryview]:
    """The values of all occurrences of one length-delimited field."""
    view = memoryview(message)
    position = 0
    while position < len(view):
        key, position = _varint(view, position)
        wire_type = key & 7
        if wire_type == VARINT:
            _, position = _varint(view, position)
        elif wire_type == BYTES:
            length, position = _varint(view, position)
            if key >> 3 == number:
                yield view[position : position + length]
            position += length
        elif wire_type in (FIXED64, FIXED32):
            position += 8 if wire_type == FIXED64 else 4
        else:
            raise EngineUnavailable("The speech model's file is damaged.", "Run `avatar envs sync tts`.")


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    """The number at this position, seven bits a byte, lowest first; and the position behind it."""
    value = shift = 0
    while True:
        if position >= len(view) or shift > 63:
            raise EngineUnavailable("The speech model's file is damaged.", "Run `avatar envs sync tts`.")
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _encoded(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _field(number: int, value: bytes) -> bytes:
    return _encoded(number << 3 | BYTES) + _encoded(len(value)) + value
