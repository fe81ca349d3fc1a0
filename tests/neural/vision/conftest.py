"""What SDXL's tests share: checkpoints made once, networks read from them, and the engine's whole run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from shared_schema.engine import Context, file_reference
from shared_schema.messages import Profile, Task
from shared_schema.stages import Drawing, PortraitOutcome, PortraitParams, Scheduler, Stage
from tests.neural.vision import tiny_sdxl
from tests.neural.vision.glass import make_glass
from vision_worker.engines.sdxl import SdxlEngine
from vision_worker.images import Pixels
from vision_worker.samples import PORTRAIT
from vision_worker.sdxl.checkpoint import Checkpoint
from vision_worker.sdxl.network import Network, load
from vision_worker.sdxl.painting import Plan, Studio
from vision_worker.sdxl.words import Words

HOPPER = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
"""The admiral Grace Hopper, mouth closed: a photo of the US Navy, in the public domain."""

GLASS_SIDE = 384


@dataclass
class Portrayed:
    """What a run of the engine gave: its outcome, its folder, and what was heard meanwhile."""

    outcome: PortraitOutcome
    folder: Path
    progress: list[tuple[str, int, int]] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)

    def picture(self, name: str = "portrait.png") -> Image.Image:
        with Image.open(self.folder / name) as image:
            image.load()
        return image

    @property
    def text(self) -> dict[str, str]:
        """The text chunks of `portrait.png`."""
        with PngImageFile(self.folder / "portrait.png") as image:
            return {name: str(words) for name, words in image.text.items()}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the tiny SDXL. Copy what you change."""
    home = tmp_path_factory.mktemp("tiny")
    tiny_sdxl.make(home / "models" / "sdxl-base")
    return home


@pytest.fixture(scope="session")
def glass(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an SDXL through which photos pass."""
    home = tmp_path_factory.mktemp("glass")
    make_glass(home / "models" / "sdxl-base", native=GLASS_SIDE)
    return home


@pytest.fixture
def home(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test, with the tiny SDXL's files."""
    (tmp_path / "home").mkdir()
    shutil.copytree(tiny / "models", tmp_path / "home" / "models")
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def network(tiny: Path) -> Network:
    """The tiny nets, in fp32; leave them as they are."""
    folder = tiny / "models" / "sdxl-base"
    return load(Checkpoint(folder, folder), torch.float32)


@pytest.fixture(scope="session")
def glass_network(glass: Path) -> Network:
    """The nets through which photos pass, in fp32; leave them as they are."""
    folder = glass / "models" / "sdxl-base"
    return load(Checkpoint(folder, folder), torch.float32)


def plan(network: Network, steps: int = 4, **changes: Any) -> Plan:
    """A plan for a square picture."""
    side = network.native_side
    settings: dict[str, Any] = {
        "words": Words("a fisherman", "smile"), "width": side, "height": side, "steps": steps,
        "guidance": 6.0, "scheduler": Scheduler.AUTO,
    }  # fmt: skip
    return Plan(**(settings | changes))


def context(device: str = "cpu", profile: Profile = Profile(), **sinks: Any) -> Context:  # noqa: B008
    """A task's context with nobody listening."""
    task = Task("test", 1, Stage.PORTRAIT, "sdxl", "/nowhere", {}, PortraitParams())
    return Context(task, device=device, profile=profile, **sinks)


def draw(network: Network, seed: int = 0, steps: int = 4, **changes: Any) -> Pixels:
    """One picture on the CPU."""
    return Studio(network, plan(network, steps, **changes), context()).draw(seed, "drawing")


def photo(path: Path, side: int) -> Pixels:
    """A photo, (side, side, 3)."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))


def steps_of(net: Any, work: Any) -> int:
    """How often a net came to an end while `work` ran."""
    count = 0

    def ended(*_arguments: object) -> None:
        nonlocal count
        count += 1

    hook = net.register_forward_hook(ended)
    try:
        work()
    finally:
        hook.remove()
    return count


def apart(one: Pixels, other: Pixels) -> float:
    """Mean difference of two pictures, in 0 to 255."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


@pytest.fixture(scope="session")
def loaded(glass: Path) -> Iterator[SdxlEngine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_HOME", str(glass))
        engine = SdxlEngine()
        engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def engine(loaded: SdxlEngine, glass: Path, monkeypatch: pytest.MonkeyPatch) -> SdxlEngine:
    """The engine with nets through which photos pass."""
    monkeypatch.setenv("AVATAR_HOME", str(glass))
    return loaded


Portray = Callable[..., Portrayed]


@pytest.fixture
def portray(tmp_path: Path) -> Portray:
    """`portray(engine, prompt, photo=..., loras=(), seed=0, cancelled=event, on_progress=..., **params)`.

    Of the params those that `Drawing` knows go there, the others to `PortraitParams`.
    """
    count = 0

    def run(
        engine: SdxlEngine,
        prompt: str = "an admiral",
        *,
        photo: Path | None = PORTRAIT,
        loras: tuple[Path, ...] = (),
        seed: int = 0,
        cancelled: threading.Event | None = None,
        on_progress: Callable[[str, int, int], None] = lambda *_: None,
        **params: Any,
    ) -> Portrayed:
        nonlocal count
        count += 1
        folder = tmp_path / f"job-{count}"
        folder.mkdir()
        (folder / "input-prompt").write_text(prompt)
        sources = {} if photo is None else {"photo": photo}
        sources |= {"lora" if n == 1 else f"lora-{n}": path for n, path in enumerate(loras, 1)}
        for role, source in sources.items():
            shutil.copy(source, folder / f"input-{role}")
        inputs = {role: file_reference(folder / f"input-{role}", folder) for role in ("prompt", *sources)}
        defaults = {"steps": 10, "strength": 0.2}
        of_drawing = {key: params.pop(key) for key in list(params) if key in Drawing.__struct_fields__}
        wish = PortraitParams(**params, drawing=Drawing(**(defaults | of_drawing)))
        task = Task("test", 1, Stage.PORTRAIT, "sdxl", str(folder), inputs, wish, seed)
        portrayed = Portrayed(PortraitOutcome(0, 0), folder)

        def progress(phase: str, done: int, total: int, _eta: float | None) -> None:
            portrayed.progress.append((phase, done, total))
            on_progress(phase, done, total)

        outcome = engine.run(
            task,
            Context(
                task,
                progress=progress,
                chunk=lambda _name, data, _last: portrayed.previews.append(data),
                cancelled=cancelled,
            ),
        )
        assert isinstance(outcome, PortraitOutcome)
        portrayed.outcome = outcome
        return portrayed

    return run
