"""The engine keeps the contract: ready or not, languages, cancel, unload and load again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared_schema.engine import Context, file_reference
from shared_schema.errors import Cancelled, EngineUnavailable, LanguageUnknown, TextError
from shared_schema.messages import Task
from shared_schema.stages import SpeechParams, Stage
from tts_worker.engines import ENGINES, hibari
from tts_worker.engines.hibari import HibariEngine

Make = Callable[..., Any]


def test_the_engine_is_listed_and_ready() -> None:
    assert HibariEngine in ENGINES
    assert HibariEngine.stage is Stage.SPEECH
    assert HibariEngine.availability().ready


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hibari, "PACKAGES", ("no-such-package",))
    available = HibariEngine.availability()
    assert not available.ready
    assert "no-such-package" in available.lacks
    assert "avatar envs sync tts" in available.remedy


def test_listing_the_engines_imports_nothing_heavy() -> None:
    code = "import sys, tts_worker.engines as e; e.ENGINES[0].availability(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "onnxruntime", "av", "hibari", "scipy"} & set(done.stdout.split())


def test_nothing_is_fetched_from_a_network(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Not a byte from afar. Zyxwq.")
    code = f"""
import sys
def deny(event, _):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "urllib", "http")):
        raise SystemExit(f"reached for the network: {{event}}")
sys.addaudithook(deny)
from pathlib import Path
from shared_schema.engine import Context, file_reference
from shared_schema.messages import Task
from shared_schema.stages import SpeechParams, Stage
from tts_worker.engines.hibari import HibariEngine
folder = Path({str(tmp_path)!r})
text = file_reference(folder / "text.txt", folder)
task = Task("t", 1, Stage.SPEECH, "hibari", str(folder), {{"text": text}}, SpeechParams())
engine = HibariEngine()
engine.load()
print(engine.run(task, Context(task)).sentences)
"""
    environment = {**os.environ, "HIBARI_HOME": str(tmp_path / "nothing"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr


@pytest.mark.parametrize("language", ["en", "en-us", "en-US", "EN_us"])
def test_english_is_spoken(run_engine: Make, engine: HibariEngine, script: Make, language: str) -> None:
    assert run_engine(engine, SpeechParams(language=language), text=script("Yes.")).outcome.sentences == 1


@pytest.mark.parametrize("language", ["de", "en-gb", "", "english"])
def test_an_unknown_language_is_refused_with_those_that_are_spoken(
    run_engine: Make, engine: HibariEngine, script: Make, language: str
) -> None:
    with pytest.raises(LanguageUnknown, match="it speaks en, en-us"):
        run_engine(engine, SpeechParams(language=language), text=script("Yes."))


@pytest.mark.parametrize("text", ["", "😀 😀", "..."])
def test_text_without_a_word_is_refused_and_leaves_nothing(
    run_engine: Make, engine: HibariEngine, script: Make, tmp_path: Path, text: str
) -> None:
    with pytest.raises(TextError):
        run_engine(engine, SpeechParams(), text=script(text))
    assert [path.name for path in tmp_path.glob("job-*/*")] == ["input-text.txt"]


def test_a_cancelled_task_stops_with_its_files_closed_and_leaves_nothing(
    engine: HibariEngine, script: Make, tmp_path: Path
) -> None:
    path = script("One sentence. " * 200)
    reference = file_reference(path, tmp_path)
    task = Task("t", 1, Stage.SPEECH, "hibari", str(tmp_path), {"text": reference}, SpeechParams())
    cancelled = threading.Event()
    spoken = []

    def progress(phase: str, done: int, _total: int, _eta: float | None) -> None:
        spoken.append(done)
        if phase == "speaking" and done > 40:
            cancelled.set()

    context = Context(task, progress=progress, cancelled=cancelled)
    with pytest.raises(Cancelled):
        engine.run(task, context)
    assert max(spoken) < 80
    open_files = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [name for name in open_files if name.startswith(str(tmp_path))]
    context.discard_outputs()
    assert [path.name for path in tmp_path.iterdir()] == ["script.txt"]


def test_offload_unload_and_load_again_change_nothing(run_engine: Make, script: Make) -> None:
    engine = HibariEngine()
    engine.load()
    path = script("The same words, again and again.")
    first = run_engine(engine, SpeechParams(), seed=3, text=path)
    engine.offload()
    second = run_engine(engine, SpeechParams(), seed=3, text=path)
    engine.unload()
    with pytest.raises(EngineUnavailable):
        run_engine(engine, SpeechParams(), seed=3, text=path)
    engine.load()
    third = run_engine(engine, SpeechParams(), seed=3, text=path)
    content = first.files["speech"].read_bytes()
    assert content == second.files["speech"].read_bytes() == third.files["speech"].read_bytes()
