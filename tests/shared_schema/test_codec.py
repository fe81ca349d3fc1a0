"""What is not a message of this schema, within its bounds, is refused with a reason."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from shared_schema import SCHEMA_VERSION, codec, limits
from shared_schema.errors import ProtocolError
from shared_schema.messages import Chunk, Log, Ping


def header(kind: Any = "ping", version: Any = SCHEMA_VERSION, body: Any = None) -> bytes:
    packed: bytes = msgpack.packb([kind, version, {"sequence": 1} if body is None else body])
    return packed


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


REFUSED = {
    "nothing": (b"", "not msgpack"),
    "a reserved byte": (b"\xc1", "not msgpack"),
    "a truncated message": (header()[:-1], "not msgpack"),
    "bytes after the message": (header() + b"\x00", "not msgpack"),
    "a bare map": (msgpack.packb({"sequence": 1}), "form"),
    "too few parts": (msgpack.packb(["ping", SCHEMA_VERSION]), "form"),
    "an unknown kind": (header(kind="pong2"), "unknown kind"),
    "a kind that is no string": (header(kind=7), "unknown kind"),
    "another version": (header(version=SCHEMA_VERSION + 1), f"version {SCHEMA_VERSION + 1}"),
    "a version that is a string": (header(version="1"), "version '1'"),
    "an unknown field": (header(body={"sequence": 1, "extra": 2}), "extra"),
    "a missing field": (header(body={}), "sequence"),
    "a wrong type": (header(body={"sequence": "1"}), "int"),
    "a negative count": (header(body={"sequence": -1}), ">= 0"),
    "bytes in the header": (header(body={"sequence": b"1"}), "max_bin_len"),
    "an extension type": (header(body={"sequence": msgpack.ExtType(4, b"x")}), "max_ext_len"),
    "an empty extension type": (header(body={"sequence": msgpack.ExtType(4, b"")}), "extension type"),
    "a timestamp": (header(body={"sequence": msgpack.Timestamp(0)}), "ext"),
    "a key that is a number": (header(body={1: 1}), "not msgpack"),
    "text that is not UTF-8": (b"\x93\xa1\xff\x01\x80", "not msgpack"),
    "deep nesting": (nested(100), "form"),
    "very deep nesting": (nested(100_000), "not msgpack"),
    "an array said to be of 4 billion": (b"\xdd\xff\xff\xff\xff", "max_array_len"),
    "a map said to be of 4 billion": (b"\xdf\xff\xff\xff\xff", "max_map_len"),
    "a string said to be of 4 GiB": (b"\xdb\xff\xff\xff\xff", "not msgpack"),
    "a long string": (header(kind="x" * (limits.MAX_STRING_BYTES + 1)), "max_str_len"),
    "a long header": (b"\x00" * (limits.MAX_HEADER_BYTES + 1), str(limits.MAX_HEADER_BYTES)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses(what: str) -> None:
    data, reason = REFUSED[what]
    with pytest.raises(ProtocolError) as refusal:
        codec.decode([data])
    assert reason in str(refusal.value)


def test_no_frame_at_all_is_refused() -> None:
    with pytest.raises(ProtocolError, match="without a frame"):
        codec.decode([])


def test_bulk_frames_come_back_as_they_were() -> None:
    message = Chunk("a", 1, "speech", 0)
    assert codec.decode(codec.encode(message, b"\x00\x01", b"")) == (message, [b"\x00\x01", b""])


def test_too_large_a_bulk_frame_is_refused_on_both_sides() -> None:
    message, bulk = Chunk("a", 1, "speech", 0), bytes(limits.MAX_BULK_BYTES + 1)
    with pytest.raises(ProtocolError, match="Frame 1"):
        codec.encode(message, bulk)
    with pytest.raises(ProtocolError, match="Frame 1"):
        codec.decode([*codec.encode(message), bulk])


def test_too_many_bulk_frames_are_refused() -> None:
    with pytest.raises(ProtocolError, match="frames"):
        codec.encode(Ping(1), *[b""] * (limits.MAX_BULK_FRAMES + 1))


def test_too_long_a_string_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ProtocolError, match="bytes"):
        codec.encode(Log("INFO", "x", "y" * (limits.MAX_HEADER_BYTES + 1)))


def test_paths_that_leave_the_folder_are_refused() -> None:
    for path in ("../etc/passwd", "/etc/passwd", "a/../../b", "", "a\n", "-rf", "a\x00b"):
        file = {"path": path, "sha256": "0" * 64, "size": 1}
        task = {"id": "a", "attempt": 1, "stage": "tts", "engine": "e", "folder": "/f"}
        body = {"task": {**task, "inputs": {"text": file}, "params": {"type": "speech"}}}
        with pytest.raises(ProtocolError, match="path"):
            codec.decode([header("run", body=body)])


def test_identifiers_that_could_be_paths_are_refused() -> None:
    for name in ("../x", "a/b", "A", "", "a" * 65, "a\n"):
        with pytest.raises(ProtocolError, match="engine"):
            codec.decode([header("load", body={"engine": name})])
