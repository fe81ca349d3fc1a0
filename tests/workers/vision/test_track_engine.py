"""The track engine: batches of frames to one track file."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared_schema.errors import Cancelled, InputError
from shared_schema.stages import FaceParams, Stage, TrackOutcome, TrackParams
from shared_schema.tracks import read_track
from tests.workers.vision.clips import Actor, Stand, background, stage, write_clip
from vision_worker.engines import ENGINES
from vision_worker.engines.track import TrackEngine
from vision_worker.face import Face
from vision_worker.images import Pixels

RunEngine = Callable[..., Any]


@pytest.fixture(scope="module")
def engine() -> Iterator[TrackEngine]:
    networks = TrackEngine()
    networks.load()
    yield networks
    networks.unload()


@pytest.fixture
def frames(pixels: Pixels, sample_face: Face) -> list[Pixels]:
    actor = Actor(pixels, sample_face)
    cast = [[(actor, Stand(200 + 5 * step, 180, 1.2))] for step in range(16)]
    return list(stage(cast, behind=background()))


def test_batches_become_one_track(
    engine: TrackEngine, run_engine: RunEngine, frames: list[Pixels], tmp_path: Path
) -> None:
    first, second = (
        write_clip(tmp_path / f"{part.start}.npy", frames[part]) for part in (slice(0, 7), slice(7, 16))
    )
    run = run_engine(engine, TrackParams(), **{"frames": first, "frames-2": second})
    assert run.outcome == TrackOutcome(frames=16, seen=16, scenes=1)
    assert set(run.files) == {"track"}
    track = read_track(run.files["track"])
    middles = np.asarray(track.points)[:, :, 0].mean(axis=1)
    assert np.diff(middles) == pytest.approx(5, abs=2)
    whole = run_engine(engine, TrackParams(), frames=write_clip(tmp_path / "all.npy", frames))
    assert whole.files["track"].read_bytes() == run.files["track"].read_bytes()


def test_progress_is_told_for_each_frame(
    engine: TrackEngine, run_engine: RunEngine, frames: list[Pixels], tmp_path: Path
) -> None:
    run = run_engine(engine, TrackParams(), frames=write_clip(tmp_path / "a.npy", frames))
    for phase, first in (("finding the cuts", 1), ("following the face", 0)):
        assert [step for step in run.progress if step[0] == phase] == [
            (phase, done, 16) for done in range(first, 17)
        ]


def test_a_cancelled_task_stops_at_the_next_frame_and_leaves_no_file(
    engine: TrackEngine, run_engine: RunEngine, frames: list[Pixels], tmp_path: Path
) -> None:
    class Impatient(threading.Event):
        """Set from the 20th time on that it is asked."""

        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 19

    cancelled = Impatient()
    with pytest.raises(Cancelled):
        run_engine(engine, TrackParams(), cancelled=cancelled, frames=write_clip(tmp_path / "a.npy", frames))
    assert cancelled.asked == 20
    assert not list(tmp_path.rglob("track.npz"))


def test_damaged_frames_and_other_parameters_are_refused(
    engine: TrackEngine, run_engine: RunEngine, frames: list[Pixels], tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "a.npy", frames[:2])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="holds no frames: it is cut off"):
        run_engine(engine, TrackParams(), frames=path)
    (tmp_path / "empty.npy").write_bytes(b"")
    with pytest.raises(InputError, match="holds no frames"):
        run_engine(engine, TrackParams(), frames=tmp_path / "empty.npy")
    with pytest.raises(InputError, match="needs a frames file"):
        run_engine(engine, TrackParams())
    with pytest.raises(InputError, match="track parameters"):
        run_engine(engine, FaceParams(), frames=path)


def test_it_is_the_last_of_the_face_engines_and_needs_frames() -> None:
    faces = [each for each in ENGINES if each.stage is Stage.FACE]
    assert faces[-1] is TrackEngine is ENGINES[-1]
    assert TrackEngine.needs == ("frames",)
    assert all("frames" not in each.needs for each in ENGINES[:-1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_more_frames_need_no_more_memory(frames: list[Pixels], tmp_path: Path) -> None:
    """400 frames, 276 MB: the process grows by what is measured of them, 2.3 MB, and little else."""
    write_clip(tmp_path / "few.npy", frames)
    write_clip(tmp_path / "many.npy", frames * 25)
    program = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from shared_schema.engine import Context, file_reference\n"
        "from shared_schema.messages import Task\n"
        "from shared_schema.stages import Stage, TrackParams\n"
        "from vision_worker.engines.track import TrackEngine\n"
        "folder, engine = Path(sys.argv[1]), TrackEngine()\n"
        "def run(name):\n"
        "    frames = {'frames': file_reference(folder / name, folder)}\n"
        "    task = Task('t', 1, Stage.FACE, engine.name, str(folder), frames, TrackParams(), 0)\n"
        "    Path('/proc/self/clear_refs').write_text('5')\n"
        "    engine.run(task, Context(task))\n"
        "    print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[0])\n"
        "run('few.npy')\n"
        "run('many.npy')\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    few, many = (int(kib) for kib in re.findall(r"VmHWM:\s+(\d+)", done.stdout))
    assert many - few < 60_000  # KiB
