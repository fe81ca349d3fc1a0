"""The same checkpoint and the same voices through `xtts` on Python 3.11 and `xtts-fork` on 3.12.

Each engine runs in its own environment and process, as `avatar worker NAME --request` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from tts_fork_worker.engines import ENGINES

from shared_schema import weights
from shared_schema.engine import file_reference
from shared_schema.messages import Result, Task
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from tests.neural.tts import tiny_xtts

TEXT = "Hello there. We meet again on the 3rd of May."
WORKERS = {"xtts": "tts_worker", "xtts-fork": "tts_fork_worker"}


@dataclass
class Spoken:
    """A result and its sound."""

    outcome: SpeechOutcome
    samples: npt.NDArray[np.int16]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with the tiny checkpoint, its licence accepted."""
    home = tmp_path_factory.mktemp("weights")
    tiny_xtts.make(home / "models" / "xtts-v2")
    patch = pytest.MonkeyPatch()
    patch.setenv("AVATAR_HOME", str(home))
    weights.accept_licence("xtts-v2")
    patch.undo()
    return home / "models"


@pytest.fixture
def home(models: Path, tmp_path: Path) -> Path:
    (tmp_path / "models").symlink_to(models)
    return tmp_path


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    rate = 22_050
    time = np.arange(7 * rate) / rate
    phase = 2 * np.pi * np.cumsum(120 * (1 + 0.1 * np.sin(2 * np.pi * time))) / rate
    path = tmp_path / "voice.wav"
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    soundfile.write(path, 0.2 * buzz * np.clip(np.sin(2 * np.pi * 1.5 * time), 0, 1), rate)
    return path


def python_of(engine: str) -> str:
    if engine == "xtts-fork":
        return sys.executable
    path = os.environ.get("AVATAR_TEST_TTS_PYTHON", "")
    assert path, (
        "AVATAR_TEST_TTS_PYTHON must name the interpreter of the tts environment; run `nox -s tts-fork`"
    )
    return path


def speak(engine: str, home: Path, *, voice: Path | None = None, **params: object) -> Spoken:
    folder = home / f"job-{engine}-{len(list(home.iterdir()))}"
    folder.mkdir()
    (folder / "text").write_text(TEXT)
    inputs = {"text": file_reference(folder / "text", folder)}
    if voice is not None:
        (folder / "voice.wav").write_bytes(voice.read_bytes())
        inputs["voice"] = file_reference(folder / "voice.wav", folder)
    task = Task("job", 1, Stage.SPEECH, engine, str(folder), inputs, SpeechParams(**params), 7)  # type: ignore[arg-type]
    (folder / "task.json").write_bytes(msgspec.json.encode(task))
    done = subprocess.run(
        [python_of(engine), "-P", "-m", WORKERS[engine], "--request", str(folder / "task.json")],
        env={**os.environ, "AVATAR_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = msgspec.convert(json.loads(done.stdout), Result)
    assert isinstance(result.outcome, SpeechOutcome)
    return Spoken(result.outcome, soundfile.read(folder / "speech.wav", dtype="int16")[0])


def profiles(home: Path) -> dict[str, int]:
    """Voice profiles and when they were written."""
    return {path.name: path.stat().st_ino for path in (home / "cache" / "voices").iterdir()}


@pytest.mark.parametrize("first", WORKERS)
def test_a_voice_kept_by_one_is_used_by_the_other_and_sounds_the_same(
    first: str, home: Path, voice: Path
) -> None:
    (second,) = set(WORKERS) - {first}
    before = speak(first, home, voice=voice)
    kept = profiles(home)
    after = speak(second, home, voice=voice)
    assert len(kept) == 1
    assert profiles(home) == kept
    assert before.outcome == after.outcome
    # The same codes are drawn; convolutions of other releases round differently.
    assert np.abs(before.samples.astype(int) - after.samples).max() <= 3


def test_a_stream_of_the_fork_says_the_same_as_its_whole(home: Path) -> None:
    whole, stream = (speak("xtts-fork", home, stream=stream) for stream in (False, True))
    assert whole.outcome == stream.outcome
    assert np.abs(whole.samples.astype(int) - stream.samples).max() <= 2


def test_it_is_the_only_engine_of_its_worker_and_says_what_it_runs_on() -> None:
    (engine,) = ENGINES
    assert engine.name == "xtts-fork"
    assert "coqui-tts 0.28" in engine.version
    assert "absent" not in engine.version
