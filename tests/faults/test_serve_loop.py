"""The serve loop's side of the conversation, message by message, with a real worker process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgpack
import pytest
import zmq

from orchestrator.process import Launch, Lifeline, WorkerProcess
from orchestrator.rundir import RunDirectory
from orchestrator.transport import Transport
from shared_schema import SCHEMA_VERSION
from shared_schema.device_errors import DEVICE_FAILED_STATUS
from shared_schema.errors import WorkerCrashed
from shared_schema.messages import (
    Failed,
    Grant,
    Hello,
    Load,
    Loaded,
    Log,
    Message,
    Ping,
    Pong,
    Progress,
    Refused,
    Release,
    Released,
    ReleaseMode,
    Run,
    Shutdown,
    Task,
    Welcome,
)
from shared_schema.stages import SpeechParams, Stage
from tests.support.bed import FAKE, HEARD

LAUNCH = Launch("tts", (sys.executable, str(FAKE)))


class Talk:
    """A conversation with one worker, its log records left out."""

    def __init__(self, transport: Transport, process: WorkerProcess) -> None:
        self.transport = transport
        self.process = process

    async def say(self, message: Message) -> None:
        await self.transport.send(self.process.identity, message)

    async def hear(self) -> Message:
        while True:
            _, message, _ = await asyncio.wait_for(self.transport.receive(), 60)
            assert not isinstance(message, Exception)
            if not isinstance(message, Log):
                return message

    async def ask(self, message: Message) -> Message:
        await self.say(message)
        return await self.hear()

    async def ends(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 60)


def converse(tmp_path: Path, script: Callable[[Talk], Awaitable[None]], *, welcome: bool = True) -> str:
    """Run a conversation after the handshake; what the worker wrote to its log."""
    log = tmp_path / "log"

    async def scenario() -> None:
        lifeline = Lifeline()
        with RunDirectory(tmp_path / "r") as directory:
            transport = Transport(directory.endpoint)
            process = WorkerProcess(LAUNCH, log)
            await process.start(directory.endpoint, lifeline)
            talk = Talk(transport, process)
            try:
                assert isinstance(await talk.hear(), Hello)
                if welcome:
                    await talk.say(Welcome(SCHEMA_VERSION))
                await script(talk)
            finally:
                await process.stop(0.1)
                transport.close()
                lifeline.close()

    asyncio.run(scenario())
    return log.read_text()


def test_it_loads_answers_and_leaves_on_request(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        loaded = await talk.ask(Load("fake"))
        assert isinstance(loaded, Loaded)
        assert loaded.engine == "fake"
        pong = await talk.ask(Ping(7))
        assert isinstance(pong, Pong)
        assert pong.sequence == 7
        assert pong.beats >= 2
        await talk.say(Shutdown())
        assert await talk.ends() == 0

    converse(tmp_path, script)


def test_an_engine_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        failed = await talk.ask(Load("nobody"))
        assert isinstance(failed, Failed)
        assert (failed.code, failed.task_id) == ("unknown-engine", "")

    converse(tmp_path, script)


def test_it_takes_a_grant_and_gives_it_back_with_the_bytes_it_holds(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.say(Grant(1, "cpu"))
        released = await talk.ask(Release(1, ReleaseMode.UNLOAD))
        assert isinstance(released, Released)
        assert released.epoch == 1
        assert released.held_before > 1_000_000
        await talk.say(Release(2, ReleaseMode.EXIT))
        assert isinstance(await talk.hear(), Released)
        assert await talk.ends() == 0

    converse(tmp_path, script)


def test_a_grant_of_a_gpu_that_it_does_not_see_ends_it_with_the_reason(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.say(Grant(1, "GPU-2"))
        assert await talk.ends() != 0

    assert "was granted GPU-2" in converse(tmp_path, script)


def test_one_that_is_refused_says_why_and_ends(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.say(Refused("Schema 2 is not schema 1."))
        assert await talk.ends() == 4

    assert "Schema 2 is not schema 1." in converse(tmp_path, script, welcome=False)


def test_a_message_out_of_turn_ends_it_with_the_reason(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.say(Loaded("fake", 1.0))
        assert await talk.ends() != 0

    assert "A worker does not take Loaded" in converse(tmp_path, script)


def test_garbage_ends_it_with_the_reason(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        garbage = msgpack.packb(["ping", SCHEMA_VERSION + 1, {}])
        await talk.transport._router.send_multipart([talk.process.identity, garbage])
        assert await talk.ends() != 0

    assert f"schema version {SCHEMA_VERSION + 1} arrived" in converse(tmp_path, script)


def test_a_message_to_a_worker_that_is_gone_is_an_error(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        with pytest.raises(WorkerCrashed, match="No worker is connected as nobody"):
            await talk.transport.send(b"nobody", Ping(1))

    converse(tmp_path, script)


def test_a_message_that_is_too_large_never_arrives(tmp_path: Path) -> None:
    """The socket itself drops the peer that sends it."""

    async def scenario() -> None:
        with RunDirectory(tmp_path / "r") as directory:
            transport = Transport(directory.endpoint)
            context = zmq.Context()
            peer = context.socket(zmq.DEALER)
            peer.setsockopt(zmq.LINGER, 0)
            peer.connect(directory.endpoint)
            peer.send(b"x" * (17 * 1024 * 1024))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(transport.receive(), 0.5)
            peer.close()
            context.term()
            transport.close()

    asyncio.run(scenario())


def test_one_whose_gpu_failed_it_answers_and_then_ends_itself(tmp_path: Path) -> None:
    (tmp_path / HEARD).touch()

    async def script(talk: Talk) -> None:
        task = Task("t1", 1, Stage.SPEECH, "fake", str(tmp_path), {}, SpeechParams("assertion"))
        answer = await talk.ask(Run(task))
        while isinstance(answer, Progress):
            answer = await talk.hear()
        assert isinstance(answer, Failed)
        assert answer.code == "device-failed"
        assert await talk.ends() == DEVICE_FAILED_STATUS

    assert "The GPU failed this process" in converse(tmp_path, script)
