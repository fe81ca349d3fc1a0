"""The ROUTER side: one socket, messages in and out by worker identity.

worker ── DEALER ══ ipc ══ ROUTER ── receive() ──> (identity, message, bulk)
                                  <── send(identity, message) ──
"""

from __future__ import annotations

import zmq
import zmq.asyncio

from shared_schema import codec, limits
from shared_schema.errors import ProtocolError, WorkerCrashed
from shared_schema.messages import Message

__all__ = ["Transport"]

Inbound = tuple[bytes, Message | ProtocolError, list[bytes]]


class Transport:
    """Binds on construction; belongs to one event loop."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._context = zmq.asyncio.Context()
        self._router = self._context.socket(zmq.ROUTER)
        # Without it a message to a peer that is gone would vanish silently.
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.SNDHWM, limits.HIGH_WATER_MARK)
        self._router.setsockopt(zmq.RCVHWM, limits.HIGH_WATER_MARK)
        self._router.setsockopt(zmq.MAXMSGSIZE, limits.MAX_BULK_BYTES)
        self._router.setsockopt(zmq.LINGER, 0)
        self._router.bind(endpoint)

    async def send(self, identity: bytes, message: Message, *bulk: bytes) -> None:
        """Send to one worker; WorkerCrashed where no worker of this identity is connected."""
        try:
            await self._router.send_multipart([identity, *codec.encode(message, *bulk)])
        except zmq.ZMQError as error:
            raise _unreachable(identity, error) from error

    async def offer(self, identity: bytes, message: Message, *bulk: bytes) -> bool:
        """Send to one worker where its queue has room; whether it had. WorkerCrashed as `send`.

        For what may come faster than it is taken: `send` is for the little that a request is.
        """
        try:
            frames = [identity, *codec.encode(message, *bulk)]
            await self._router.send_multipart(frames, flags=zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            raise _unreachable(identity, error) from error
        return True

    async def receive(self) -> Inbound:
        """The next message. One that cannot be decoded comes as the error, so that its sender is known."""
        identity, *frames = await self._router.recv_multipart()
        try:
            message, bulk = codec.decode(frames)
        except ProtocolError as error:
            return identity, error, []
        return identity, message, bulk

    def close(self) -> None:
        """Close the socket; what was not sent is dropped."""
        self._router.close()
        self._context.term()


def _unreachable(identity: bytes, error: zmq.ZMQError) -> Exception:
    if error.errno != zmq.EHOSTUNREACH:
        return error
    return WorkerCrashed(f"No worker is connected as {identity.decode(errors='replace')}.")
