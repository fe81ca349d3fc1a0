"""Live inputs go to a worker in order and to their end; one that does not take them holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from orchestrator import feeding
from orchestrator.feeding import feed_task
from orchestrator.rundir import RunDirectory
from orchestrator.transport import Transport
from shared_schema import codec
from shared_schema.errors import OutputError, WorkerCrashed
from shared_schema.feed import Feed
from shared_schema.messages import Chunk, Message, Ping, Task
from shared_schema.stages import LipsyncParams, Stage

TASK = Task("t", 3, Stage.LIPSYNC, "x", "/nowhere", {}, LipsyncParams(), live=["speech"])


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    made = Feed(tmp_path)
    yield made
    made.discard()


class Taker:
    """Notes what is offered; now and then it has no room."""

    def __init__(self) -> None:
        self.taken: list[tuple[Chunk, bytes]] = []
        self.five_chunks = asyncio.Event()
        self._offers = 0

    async def offer(self, chunk: Chunk, data: bytes) -> bool:
        self._offers += 1
        if self._offers % 3 == 0:
            return False
        self.taken.append((chunk, data))
        if len(self.taken) == 5:
            self.five_chunks.set()
        return True


def test_all_of_a_feed_is_sent_in_order_and_once_up_to_its_end(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "MOST", 10)
    taker = Taker()
    content = bytes(range(95))

    async def scenario() -> None:
        feeding_task = asyncio.create_task(feed_task(TASK, {"speech": feed}, taker.offer))
        feed.append(content[:50])
        await taker.five_chunks.wait()
        feed.append(content[50:])
        feed.close()
        await feeding_task

    asyncio.run(scenario())
    assert b"".join(data for _, data in taker.taken) == content
    assert [chunk for chunk, _ in taker.taken] == [
        Chunk("t", 3, "speech", number, last=number == 10) for number in range(11)
    ]


def test_what_a_feed_failed_with_is_raised(feed: Feed) -> None:
    feed.fail(OutputError("The disk is full."))
    with pytest.raises(OutputError, match="disk is full"):
        asyncio.run(feed_task(TASK, {"speech": feed}, Taker().offer))


def test_a_worker_that_is_gone_is_told_by_others(feed: Feed) -> None:
    async def offer(_chunk: Chunk, _data: bytes) -> bool:
        raise WorkerCrashed("It is gone.")

    feed.append(b"abc")
    asyncio.run(feed_task(TASK, {"speech": feed}, offer))


def peer(context: zmq.Context[zmq.Socket[bytes]], endpoint: str, name: bytes) -> zmq.Socket[bytes]:
    """A worker's end of the socket that has said that it is there."""
    dealer = context.socket(zmq.DEALER)
    dealer.setsockopt(zmq.IDENTITY, name)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.connect(endpoint)
    dealer.send_multipart(codec.encode(Ping(0)))
    return dealer


def test_a_worker_that_stands_still_holds_up_no_other(tmp_path: Path) -> None:
    async def scenario() -> Message:
        with RunDirectory(tmp_path / "r") as directory:
            transport, context = Transport(directory.endpoint), zmq.Context()
            still, other = (peer(context, directory.endpoint, name) for name in (b"still", b"other"))
            for _ in range(2):
                await transport.receive()
            # Far more than two sockets' queues of 64 and the system's buffers take.
            sent = 0
            while await asyncio.wait_for(transport.offer(b"still", Chunk("t", 1, "s", 0), bytes(1000)), 10):
                sent += 1
                assert sent < 100_000
            await asyncio.wait_for(transport.send(b"other", Ping(7)), 10)
            assert other.poll(10_000)
            message, _ = codec.decode(other.recv_multipart())
            with pytest.raises(WorkerCrashed, match="No worker is connected as nobody"):
                await transport.offer(b"nobody", Chunk("t", 1, "s", 0), b"")
            for dealer in (still, other):
                dealer.close()
            context.term()
            transport.close()
            return message

    assert asyncio.run(scenario()) == Ping(7)
