"""Runs an engine as its worker would, but in this process: real engine, real context, real files."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared_schema.engine import Context, Engine, file_reference
from shared_schema.messages import Task
from shared_schema.stages import Outcome, Params


@dataclass
class EngineRun:
    """What one run gave: its outcome, its files by name, and the progress it reported."""

    outcome: Outcome
    files: dict[str, Path]
    folder: Path
    progress: list[tuple[str, int, int]] = field(default_factory=list)


RunEngine = Callable[..., EngineRun]


@pytest.fixture
def run_engine(tmp_path: Path) -> RunEngine:
    """`run_engine(engine, params, seed=0, cancelled=event, **inputs)`; inputs are paths by role."""
    count = 0

    def run(
        engine: Engine,
        params: Params,
        *,
        seed: int = 0,
        cancelled: threading.Event | None = None,
        **inputs: Path,
    ) -> EngineRun:
        nonlocal count
        count += 1
        folder = tmp_path / f"job-{count}"
        folder.mkdir()
        references = {}
        for role, source in inputs.items():
            target = folder / f"input-{role}{source.suffix}"
            shutil.copyfile(source, target)
            references[role] = file_reference(target, folder)
        task = Task(f"test-{count}", 1, engine.stage, engine.name, str(folder), references, params, seed)
        seen: list[tuple[str, int, int]] = []
        context = Context(
            task,
            progress=lambda phase, done, total, _eta: seen.append((phase, done, total)),
            cancelled=cancelled,
        )
        outcome = engine.run(task, context)
        files = {artifact.name: folder / artifact.file.path for artifact in context.artifacts()}
        return EngineRun(outcome, files, folder, seen)

    return run
