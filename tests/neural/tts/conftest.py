"""What the neural voices' tests share: the tiny checkpoint, loaded once; scripts and recordings."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from shared_schema.engine import Context, Engine, file_reference
from shared_schema.messages import Task
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from tests.neural.tts import tiny_bark, tiny_xtts
from tts_worker.engines.bark import BarkEngine
from tts_worker.engines.xtts import XttsEngine

STOP_BIAS = 3.0
"""With this the tiny net stops after some codes, as a trained one does; without, it never would."""


@dataclass
class Spoken:
    """What a run gave: its outcome, its sound, the files, and what was heard meanwhile."""

    outcome: SpeechOutcome
    samples: np.ndarray
    rate: int
    folder: Path
    chunks: list[bytes] = field(default_factory=list)
    progress: list[tuple[str, int, int]] = field(default_factory=list)


Say = Callable[..., Spoken]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the tiny XTTS as `avatar models` would have installed it."""
    home = tmp_path_factory.mktemp("home")
    tiny_xtts.make(home / "models" / "xtts-v2")
    return home


@pytest.fixture
def home(checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test, with the weights of the session."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(checkpoints / "models")
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def loaded(checkpoints: Path) -> Iterator[XttsEngine]:
    patch = pytest.MonkeyPatch()
    patch.setenv("AVATAR_HOME", str(checkpoints))
    engine = XttsEngine()
    engine.load()
    patch.undo()
    yield engine
    engine.unload()


@pytest.fixture
def engine(loaded: XttsEngine, home: Path) -> Iterator[XttsEngine]:
    """The engine with a net that stops by itself, as trained ones do."""
    with stopping(loaded, STOP_BIAS):
        yield loaded


class stopping:  # noqa: N801 - reads as a phrase
    """Within it the tiny net leans towards its stop code by so much."""

    def __init__(self, engine: XttsEngine, bias: float) -> None:
        gpt = engine.network.model.gpt
        self._place = gpt.mel_head.bias
        self._stop = gpt.stop_audio_token
        self._bias = bias

    def __enter__(self) -> None:
        self._before = self._place.data[self._stop].item()
        self._place.data[self._stop] = self._bias

    def __exit__(self, *_error: object) -> None:
        self._place.data[self._stop] = self._before


@pytest.fixture(scope="session")
def bark_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the tiny Bark. Copy what you change."""
    home = tmp_path_factory.mktemp("bark")
    tiny_bark.make(home / "models" / "bark")
    return home


@pytest.fixture(scope="session")
def loaded_bark(bark_home: Path) -> Iterator[BarkEngine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_HOME", str(bark_home))
        engine = BarkEngine()
        engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def bark(loaded_bark: BarkEngine) -> Iterator[BarkEngine]:
    """The engine with a net that comes to an end after half a second."""
    with ending(loaded_bark, 25):
        yield loaded_bark


class ending:  # noqa: N801 - reads as a phrase
    """Within it the tiny Bark ends its speech after so many semantic tokens, and never before.

    A trained net does so by itself. The innermost counts.
    """

    def __init__(self, engine: BarkEngine, after: int) -> None:
        self._place = engine.network.model.semantic.lm_head
        self._after = after
        self._step = 0

    def __enter__(self) -> None:
        self._hook = self._place.register_forward_hook(self._end)

    def __exit__(self, *_error: object) -> None:
        self._hook.remove()

    def _end(self, _module: object, _inputs: object, logits: torch.Tensor) -> None:
        self._step = 0 if logits.shape[1] > 1 else self._step + 1
        logits[..., tiny_bark.SEMANTICS] = 1e4 if self._step >= self._after else -1e4


@contextmanager
def heard(net: Any) -> Iterator[list[dict[str, Any]]]:
    """What the `generate` of a net is given, call by call."""
    calls: list[dict[str, Any]] = []
    original = net.generate

    @functools.wraps(original)
    def generate(*arguments: Any, **named: Any) -> Any:
        calls.append(named)
        return original(*arguments, **named)

    net.generate = generate
    try:
        yield calls
    finally:
        del net.generate


@pytest.fixture
def voice(tmp_path: Path) -> Callable[..., Path]:
    """`voice(name, pitch)`: seven seconds of a buzz that rises and falls, as a recording."""

    def make(name: str = "voice.wav", pitch: float = 120.0) -> Path:
        rate = 22_050
        time = np.arange(7 * rate) / rate
        phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * time))) / rate
        buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
        envelope = np.clip(np.sin(2 * np.pi * 1.5 * time), 0, 1)
        path = tmp_path / name
        soundfile.write(path, 0.2 * buzz * envelope, rate)
        return path

    return make


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """`say(engine, text, voices=(), seed=0, cancelled=event, on_chunk=..., on_progress=..., **params)`."""
    count = 0

    def run(
        engine: Engine,
        text: str,
        *,
        voices: tuple[Path, ...] = (),
        seed: int = 0,
        cancelled: threading.Event | None = None,
        on_progress: Callable[[str, int, int], None] = lambda *_: None,
        **params: Any,
    ) -> Spoken:
        nonlocal count
        count += 1
        folder = tmp_path / f"job-{count}"
        folder.mkdir()
        (folder / "text").write_text(text)
        inputs = {"text": file_reference(folder / "text", folder)}
        for number, source in enumerate(voices, 1):
            copy = folder / f"voice-{number}.wav"
            copy.write_bytes(source.read_bytes())
            inputs["voice" if number == 1 else f"voice-{number}"] = file_reference(copy, folder)
        task = Task("test", 1, Stage.SPEECH, engine.name, str(folder), inputs, SpeechParams(**params), seed)
        spoken = Spoken(SpeechOutcome(0, 0, 0), np.zeros(0), 0, folder)

        def progress(phase: str, done: int, total: int, _eta: float | None) -> None:
            spoken.progress.append((phase, done, total))
            on_progress(phase, done, total)

        context = Context(
            task,
            progress=progress,
            chunk=lambda _name, data, _last: spoken.chunks.append(data),
            cancelled=cancelled,
        )
        outcome = engine.run(task, context)
        assert isinstance(outcome, SpeechOutcome)
        spoken.outcome = outcome
        spoken.samples, spoken.rate = soundfile.read(folder / "speech.wav", dtype="int16")
        return spoken

    return run
