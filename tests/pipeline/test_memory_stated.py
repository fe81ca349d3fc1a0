"""What each engine states of its memory holds for the real worker process, seen from outside."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from orchestrator.launcher import launch
from orchestrator.process import Lifeline, WorkerProcess
from orchestrator.rundir import RunDirectory
from orchestrator.transport import Transport
from shared_schema import SCHEMA_VERSION
from shared_schema.engine import file_reference
from shared_schema.messages import (
    Chunk,
    Hello,
    Load,
    Loaded,
    Log,
    Memory,
    Message,
    Progress,
    Release,
    Released,
    ReleaseMode,
    Result,
    Run,
    Task,
    Welcome,
)
from shared_schema.stages import FaceParams, LipsyncParams, Params, PortraitParams, SpeechParams, Stage
from tests.pipeline.conftest import PATIENCE, VISION_PYTHON

LARGE_PHOTO = """
import sys
from PIL import Image
import vision_worker.samples
Image.open(vision_worker.samples.PORTRAIT).convert("RGB").resize((7000, 7000)).save(sys.argv[1], quality=90)
"""
ENGINES = ("hibari", "sample", "photo", "mediapipe", "talking-photo")


@dataclass(frozen=True)
class Measured:
    """Bytes of resident memory: the most while it worked, and what remained; with what it had stated."""

    peak: int
    remains: int
    said: Released
    stated: Memory


class Worker:
    """A conversation with a real worker, and a look at its process from outside."""

    def __init__(self, transport: Transport, process: WorkerProcess) -> None:
        self._transport = transport
        self._process = process

    async def hear(self) -> Message:
        hearing = asyncio.create_task(self._transport.receive())
        ending = asyncio.create_task(self._process.wait())
        while True:
            await asyncio.wait({hearing, ending}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            assert hearing.done(), f"the worker ended or is silent: {self._process.log}"
            _, message, _ = hearing.result()
            if not isinstance(message, Log | Progress | Chunk):
                ending.cancel()
                assert not isinstance(message, Exception)
                return message
            hearing = asyncio.create_task(self._transport.receive())

    async def ask(self, message: Message) -> Message:
        await self._transport.send(self._process.identity, message)
        return await self.hear()

    async def measure(self, task: Task, stated: Memory) -> Measured:
        assert isinstance(await self.ask(Load(task.engine)), Loaded)
        loading = self._most()
        assert isinstance(await self.ask(Run(task)), Result)
        peak = max(loading, self._most())
        released = await self.ask(Release(1, ReleaseMode.UNLOAD))
        assert isinstance(released, Released)
        return Measured(peak, psutil.Process(self._process.pid).memory_info().rss, released, stated)

    def _most(self) -> int:
        """The most since the worker last began to count (VmHWM, proc_pid_status(5))."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


async def work(name: str, folder: Path, tasks: Sequence[Task]) -> list[Measured]:
    """One worker does these tasks, unloading after each."""
    lifeline = Lifeline()
    with RunDirectory(folder / f"run-{name}") as directory:
        transport = Transport(directory.endpoint)
        process = WorkerProcess(launch(name), folder / f"{name}.log")
        await process.start(directory.endpoint, lifeline)
        worker = Worker(transport, process)
        try:
            hello = await worker.hear()
            assert isinstance(hello, Hello)
            stated = {engine.name: engine.host for engine in hello.engines}
            await transport.send(process.identity, Welcome(SCHEMA_VERSION))
            return [await worker.measure(task, stated[task.engine]) for task in tasks]
        finally:
            await process.stop(0.1)
            transport.close()
            lifeline.close()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    """Each engine with what takes most of what people use: 50 megapixels, a recording, 2160 pixels."""
    folder = tmp_path_factory.mktemp("m")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_HOME", str(folder / "h"))
        (folder / "text.txt").write_text("Hello, world.")
        photo = folder / "photo.jpg"
        subprocess.run([VISION_PYTHON, "-c", LARGE_PHOTO, photo], check=True, timeout=PATIENCE)

        def do(name: str, *requests: tuple[Stage, str, Params, dict[str, str]]) -> None:
            tasks = []
            for stage, engine, params, files in requests:
                inputs = {role: file_reference(folder / file, folder) for role, file in files.items()}
                tasks.append(Task(f"m-{engine}", 1, stage, engine, str(folder), inputs, params))
            results = asyncio.run(work(name, folder, tasks))
            found.update(zip((task.engine for task in tasks), results, strict=True))

        found: dict[str, Measured] = {}
        do("tts", (Stage.SPEECH, "hibari", SpeechParams(), {"text": "text.txt"}))
        shutil.copy(folder / "speech.wav", folder / "voice.wav")
        heard = {"text": "text.txt", "voice": "voice.wav"}
        do("tts", (Stage.SPEECH, "hibari", SpeechParams(), heard))
        do(
            "vision",
            (Stage.PORTRAIT, "sample", PortraitParams(), {}),
            (Stage.FACE, "mediapipe", FaceParams(), {"portrait": "photo.jpg"}),
            (Stage.PORTRAIT, "photo", PortraitParams(size=2160), {"photo": "photo.jpg"}),
        )
        made = {role: f"{role}.{kind}" for role, kind in (("portrait", "png"), ("face", "json"))}
        files = {**made, "speech": "speech.wav", "timings": "timings.jsonl"}
        do("lipsync", (Stage.LIPSYNC, "talking-photo", LipsyncParams(), files))
        return found


@pytest.mark.parametrize("engine", ENGINES)
def test_it_works_within_the_peak_that_it_states(measured: dict[str, Measured], engine: str) -> None:
    assert measured[engine].peak <= measured[engine].stated.peak


@pytest.mark.parametrize("engine", ENGINES)
def test_no_more_remains_of_it_than_it_states(measured: dict[str, Measured], engine: str) -> None:
    assert measured[engine].remains <= measured[engine].stated.context


@pytest.mark.parametrize("engine", ENGINES)
def test_what_it_states_is_no_wild_guess(measured: dict[str, Measured], engine: str) -> None:
    stated = measured[engine].stated
    assert stated.context < 2.5 * measured[engine].remains
    assert stated.peak < 2.5 * measured[engine].peak


@pytest.mark.parametrize("engine", ENGINES)
def test_its_own_account_is_what_is_seen_from_outside(measured: dict[str, Measured], engine: str) -> None:
    seen, said = measured[engine].remains, measured[engine].said.held_after
    assert abs(seen - said) < 10_000_000
    assert said < measured[engine].said.held_before
