"""Reads and writes protobuf's wire format, in which ONNX keeps its graphs.

A message is a row of fields; a field is a varint key, which is its number times 8 plus its wire type, then
its value (protobuf's "Encoding"). Done on the bytes, because the `onnx` package (17 MB, half a second to
import) would be installed for a few functions alone. A message's field that occurs twice is merged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Field", "Malformed", "encoded", "fields", "header", "integer", "messages", "text"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """Raised when bytes are no message."""


class Field(NamedTuple):
    """A field of a message: its number, its value's bytes, and `raw`, all of it with its key."""

    number: int
    value: memoryview
    raw: memoryview


def fields(message: memoryview | bytes) -> Iterator[Field]:
    """The fields of a message in order, without a copy of their bytes. Malformed."""
    view = memoryview(message)
    position = 0
    while position < len(view):
        start = position
        key, position = _varint(view, position)
        wire_type, begin = key & 7, position
        if wire_type == VARINT:
            _, position = _varint(view, position)
        elif wire_type == BYTES:
            length, begin = _varint(view, position)
            position = begin + length
        elif wire_type in (FIXED64, FIXED32):
            position += 8 if wire_type == FIXED64 else 4
        else:
            raise Malformed(f"no wire type {wire_type}")
        if position > len(view):
            raise Malformed("it ends within a field")
        yield Field(key >> 3, view[begin:position], view[start:position])


def messages(message: memoryview | bytes, number: int) -> Iterator[memoryview]:
    """The values of all occurrences of one field. Malformed."""
    return (field.value for field in fields(message) if field.number == number)


def text(message: memoryview | bytes, number: int) -> str:
    """The first value of a text field; empty where there is none. Malformed."""
    return next((bytes(value).decode(errors="replace") for value in messages(message, number)), "")


def encoded(number: int, value: bytes) -> bytes:
    """A field that holds text, bytes, or a message."""
    return header(number, len(value)) + value


def header(number: int, length: int) -> bytes:
    """What stands before the so many bytes of such a field."""
    return _varint_of(number << 3 | BYTES) + _varint_of(length)


def integer(number: int, value: int) -> bytes:
    """A field that holds a whole number from 0 on."""
    return _varint_of(number << 3 | VARINT) + _varint_of(value)


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    """The number at this position, seven bits a byte, lowest first; and the position behind it."""
    value = shift = 0
    while True:
        if position >= len(view) or shift > 63:
            raise Malformed("a number in it has no end")
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _varint_of(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
