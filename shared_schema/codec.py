"""Messages to bytes and back, under hard bounds. Nothing is decoded except into a typed message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack
import msgspec

from shared_schema import SCHEMA_VERSION, limits
from shared_schema.errors import ProtocolError
from shared_schema.messages import KINDS, Message

__all__ = ["decode", "encode"]


def encode(message: Message, *bulk: bytes) -> list[bytes]:
    """The frames of a message: its header, then bulk frames as they are. ProtocolError past a bound."""
    body = msgspec.to_builtins(message)
    header = msgpack.packb([type(message).__name__.lower(), SCHEMA_VERSION, body])
    frames = [header, *bulk]
    _check_sizes(frames)
    return frames


def decode(frames: Sequence[bytes]) -> tuple[Message, list[bytes]]:
    """The message in these frames and its bulk frames; ProtocolError for anything that is not one."""
    if not frames:
        raise ProtocolError("A message without a frame arrived.")
    _check_sizes(frames)
    kind, version, body = _unpack(frames[0])
    if version != SCHEMA_VERSION:
        raise ProtocolError(
            f"A message of schema version {version!r} arrived; this side speaks {SCHEMA_VERSION}.",
            "Run `avatar envs sync` so that both sides are of one checkout.",
        )
    if not isinstance(kind, str) or kind not in KINDS:
        raise ProtocolError(f"A message of unknown kind {str(kind)[:40]!r} arrived.")
    try:
        message = msgspec.convert(body, type=KINDS[kind])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ProtocolError(f"A malformed {kind!r} message arrived: {error}.") from error
    return message, list(frames[1:])


def _check_sizes(frames: Sequence[bytes]) -> None:
    if len(frames) > 1 + limits.MAX_BULK_FRAMES:
        raise ProtocolError(f"A message has {len(frames)} frames, more than {1 + limits.MAX_BULK_FRAMES}.")
    for index, frame in enumerate(frames):
        bound = limits.MAX_BULK_BYTES if index else limits.MAX_HEADER_BYTES
        if len(frame) > bound:
            raise ProtocolError(f"Frame {index} of a message has {len(frame)} bytes, more than {bound}.")


def _refuse_extension(code: int, _data: bytes) -> Any:
    raise ProtocolError(f"A message holds a msgpack extension type ({code}), which this schema never uses.")


def _unpack(header: bytes) -> tuple[Any, Any, Any]:
    """The three parts of a header frame, still untyped."""
    try:
        parts = msgpack.unpackb(
            header,
            raw=False,
            strict_map_key=True,
            ext_hook=_refuse_extension,
            max_str_len=limits.MAX_STRING_BYTES,
            max_bin_len=0,
            max_array_len=limits.MAX_ITEMS,
            max_map_len=limits.MAX_ITEMS,
            max_ext_len=0,
        )
    except ProtocolError:
        raise
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise ProtocolError(f"Bytes that are not msgpack within bounds arrived: {error}.") from error
    if not isinstance(parts, list) or len(parts) != 3:
        raise ProtocolError("A message is not of the form [kind, version, body].")
    return parts[0], parts[1], parts[2]
