"""What MuseTalk's tests share: tiny nets made once, and the engine's whole run on the sample portrait."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from lipsync_worker.engines.musetalk import MuseTalk
from lipsync_worker.models import MUSETALK, VAE, WHISPER
from lipsync_worker.musetalk.model import Folders, Network, load
from shared_schema.engine import Context, Engine, file_reference
from shared_schema.feed import Feed
from shared_schema.messages import Profile, Task
from shared_schema.stages import LipsyncOutcome, LipsyncParams, Stage
from tests.neural.lipsync import tiny_musetalk
from tests.workers.lipsync.conftest import FACE, PORTRAIT, frame, photo, speak

__all__ = ["Perform", "Performed", "folders", "frame", "photo", "speak"]


@dataclass
class Performed:
    """What a run of an engine gave: its outcome, its folder, and what was heard meanwhile."""

    outcome: LipsyncOutcome
    context: Context
    folder: Path
    progress: list[tuple[str, int, int]] = field(default_factory=list)
    chunks: list[tuple[str, bytes, bool]] = field(default_factory=list)

    @property
    def video(self) -> bytes:
        return (self.folder / "video.mp4").read_bytes()


Perform = Callable[..., Performed]


def folders(home: Path, version: str = "v1.5") -> Folders:
    """Where a home's models are."""
    models = home / "models"
    return Folders(version, models / MUSETALK[version], models / VAE, models / WHISPER)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the nets of the golden numbers."""
    home = tmp_path_factory.mktemp("tiny")
    tiny_musetalk.make(home / "models")
    return home


@pytest.fixture(scope="session")
def least(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the smallest nets, v1.5 and v1."""
    home = tmp_path_factory.mktemp("least")
    for version in MUSETALK:
        tiny_musetalk.make(home / "models", version, tiny_musetalk.LEAST)
    return home


@pytest.fixture(scope="session")
def network(tiny: Path) -> Network:
    """The nets of the golden numbers, in fp32; leave them as they are."""
    return load(folders(tiny), torch.float32)


@pytest.fixture(scope="session")
def smallest(least: Path) -> Network:
    """The smallest nets, in fp32; leave them as they are."""
    return load(folders(least), torch.float32)


@pytest.fixture
def home(least: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test, with links to the smallest nets' files: replace what you change."""
    (tmp_path / "home").mkdir()
    shutil.copytree(least / "models", tmp_path / "home" / "models", copy_function=os.link)
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def engine(home: Path) -> Iterator[MuseTalk]:
    """The engine with the smallest nets, loaded."""
    made = MuseTalk()
    made.load()
    yield made
    made.unload()


def job(folder: Path, engine: Engine, speech: Path | Feed, params: LipsyncParams, seed: int) -> Task:
    """A task on the sample portrait, with its files in a folder of its own."""
    folder.mkdir()
    sources = {"portrait": PORTRAIT, "face": FACE}
    if isinstance(speech, Path):
        sources["speech"] = speech
    inputs = {}
    for role, source in sources.items():
        copy = folder / f"{role}{source.suffix}"
        shutil.copyfile(source, copy)
        inputs[role] = file_reference(copy, folder)
    live = [] if isinstance(speech, Path) else ["speech"]
    return Task("test", 1, Stage.LIPSYNC, engine.name, str(folder), inputs, params, seed, live)


@pytest.fixture
def perform(tmp_path: Path) -> Perform:
    """`perform(engine, speech, params, ...)`: a run on the sample portrait.

    `speech` is a recording or a feed. `profile`, `budget`, `cancelled` and `on_progress` are the context's.
    """
    count = 0

    def run(
        engine: Engine,
        speech: Path | Feed,
        params: LipsyncParams = LipsyncParams(),  # noqa: B008 - immutable
        *,
        seed: int = 0,
        profile: Profile = Profile(batch=4),  # noqa: B008 - immutable
        budget: int = 0,
        cancelled: threading.Event | None = None,
        on_progress: Callable[[str, int, int], None] = lambda *_: None,
    ) -> Performed:
        nonlocal count
        count += 1
        task = job(tmp_path / f"job-{count}", engine, speech, params, seed)
        progress: list[tuple[str, int, int]] = []
        chunks: list[tuple[str, bytes, bool]] = []

        def reported(phase: str, done: int, total: int, _eta: float | None) -> None:
            progress.append((phase, done, total))
            on_progress(phase, done, total)

        context = Context(
            task,
            progress=reported,
            chunk=lambda *piece: chunks.append(piece),
            feeds={"speech": speech} if isinstance(speech, Feed) else {},
            cancelled=cancelled,
            profile=profile,
            budget=budget,
        )
        try:
            outcome = engine.run(task, context)
        except BaseException:
            context.discard_outputs()  # as the worker does
            raise
        assert isinstance(outcome, LipsyncOutcome)
        return Performed(outcome, context, Path(task.folder), progress, chunks)

    return run
