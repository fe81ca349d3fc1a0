"""What is new in the pieces of a result, where its task may be repeated."""

from __future__ import annotations

from shared_schema.messages import Chunk

__all__ = ["Continued"]


class Continued:
    """A later attempt at a task says the same again from its beginning: what was heard is left out."""

    def __init__(self) -> None:
        self._attempt = 0
        self._heard = 0
        self._told = 0

    def new(self, chunk: Chunk, data: bytes) -> bytes:
        """The part of a piece that was not heard before."""
        if chunk.attempt != self._attempt:
            self._attempt, self._heard = chunk.attempt, 0
        known = max(0, self._told - self._heard)
        self._heard += len(data)
        new = data[known:]
        self._told += len(new)
        return new
