"""The clip engine, run as its worker runs it: any video to frames to share, and when they are shown."""

from __future__ import annotations

import shutil
import threading
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from lipsync_worker import unrolling
from lipsync_worker.arrays import picture
from lipsync_worker.engines.clip import ClipEngine
from shared_schema.engine import Context, file_reference
from shared_schema.errors import Cancelled, InputError, OutputError, PhotoError
from shared_schema.frames import Frames
from shared_schema.messages import Task
from shared_schema.records import read_shots
from shared_schema.stages import ClipOutcome, ClipParams, LipsyncParams, Stage
from tests.workers.conftest import EngineRun, RunEngine
from tests.workers.lipsync.clips import X264, card, number_on, write_cards, write_video

NTSC = Fraction(30_000, 1001)


@pytest.fixture
def engine() -> ClipEngine:
    return ClipEngine()


def numbers(run: EngineRun) -> list[int]:
    """What the written frames say, batch after batch."""
    names = ["frames", *(f"frames-{number}" for number in range(2, 99))]
    with Frames([run.files[name] for name in names if name in run.files]) as frames:
        return [number_on(picture(np.asarray(frame))[:, :, ::-1]) for frame in frames]


def test_a_video_becomes_batches_of_frames_and_their_times(
    engine: ClipEngine, run_engine: RunEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unrolling, "BATCH_BYTES", 320 * 180 * 3 * 16)
    clip = write_cards(tmp_path / "a.mp4", 40, rate=NTSC, options=X264["open groups"])
    run = run_engine(engine, ClipParams(), clip=clip)
    assert run.outcome == ClipOutcome(40, 40 * 1001 / 30_000, 320, 180, 30_000, 1001)
    assert set(run.files) == {"frames", "frames-2", "frames-3", "shots"}
    assert numbers(run) == list(range(40))
    shots = read_shots(run.files["shots"])
    assert (shots.width, shots.height, shots.scale) == (320, 180, 1.0)
    assert Fraction(shots.fps_numerator, shots.fps_denominator) == NTSC
    assert shots.times == pytest.approx([number / NTSC for number in range(40)])
    assert run.progress[0] == ("reading the clip", 0, 40)
    assert run.progress[-1] == ("reading the clip", 40, 40)


def test_batches_that_come_out_even_leave_no_empty_one(
    engine: ClipEngine, run_engine: RunEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unrolling, "BATCH_BYTES", 320 * 180 * 3 * 5)
    run = run_engine(engine, ClipParams(), clip=write_cards(tmp_path / "a.mp4", 10))
    assert set(run.files) == {"frames", "frames-2", "shots"}
    for name in ("frames", "frames-2"):
        with Frames([run.files[name]]) as frames:
            assert len(frames) == 5


def test_large_frames_are_written_smaller_and_in_their_colours(
    engine: ClipEngine, run_engine: RunEngine, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "a.mp4", [card(9, 1080, 1920)] * 2)
    run = run_engine(engine, ClipParams(), clip=clip)
    shots = read_shots(run.files["shots"])
    assert (shots.width, shots.height, shots.scale) == (1080, 1920, 0.5)
    assert numbers(run) == [9, 9]
    with Frames([run.files["frames"]]) as frames:
        assert (frames.width, frames.height) == (540, 960)
        red, green, blue = np.asarray(next(iter(frames)))[40, 40].tolist()
        assert red > 200
        assert max(green, blue) < 30


@pytest.mark.parametrize(("seconds", "count"), [(0.5, 13), (0.2, 5), (9.0, 30), (0.0, 30)])
def test_only_as_many_seconds_are_read_as_are_needed(
    engine: ClipEngine, run_engine: RunEngine, tmp_path: Path, seconds: float, count: int
) -> None:
    run = run_engine(engine, ClipParams(seconds), clip=write_cards(tmp_path / "a.mp4", 30))
    assert numbers(run) == list(range(count))
    assert len(read_shots(run.files["shots"]).times) == count
    assert run.progress[-1] == ("reading the clip", count, count)


@pytest.mark.parametrize(
    ("name", "codec", "muxer", "batch"),
    [("a.mp4", "libx264", {}, 1000), ("a.webm", "libvpx-vp9", {"live": "1"}, 5_000_000)],
)
def test_frames_for_which_the_disk_has_no_room_are_refused_before_any_is_written(
    engine: ClipEngine, run_engine: RunEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *,
    name: str, codec: str, muxer: dict[str, str], batch: int,
) -> None:  # fmt: skip
    """Of the second one it is not known beforehand how many they are."""
    monkeypatch.setattr(unrolling, "BATCH_BYTES", batch)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(10**12, 10**12, 504_000_000))
    clip = write_cards(tmp_path / name, 30, codec, muxer=muxer)
    with pytest.raises(OutputError, match=r"0\.5 GB are needed on the disk; 0\.5 GB are free in"):
        run_engine(engine, ClipParams(), clip=clip)
    assert not list(tmp_path.glob("**/frames*.npy"))


class Usage(NamedTuple):
    """As `shutil.disk_usage` tells it."""

    total: int
    used: int
    free: int


def test_one_frame_is_a_photo(engine: ClipEngine, run_engine: RunEngine, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="one frame only") as caught:
        run_engine(engine, ClipParams(), clip=write_cards(tmp_path / "a.mp4", 1))
    assert "as a photo" in caught.value.hint


def test_what_is_no_video_is_refused(engine: ClipEngine, run_engine: RunEngine, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("These are words. " * 500)
    with pytest.raises(PhotoError, match=r"input-clip\.mp4 cannot be read"):
        run_engine(engine, ClipParams(), clip=tmp_path / "a.mp4")


def test_parameters_of_another_stage_are_refused(
    engine: ClipEngine, run_engine: RunEngine, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="takes clip parameters"):
        run_engine(engine, LipsyncParams(), clip=write_cards(tmp_path / "a.mp4", 2))


def test_a_cancelled_task_stops_midway(engine: ClipEngine, tmp_path: Path) -> None:
    write_cards(tmp_path / "a.mp4", 40)
    told = threading.Event()
    inputs = {"clip": file_reference(tmp_path / "a.mp4", tmp_path)}
    task = Task("t", 1, Stage.CLIP, "clip", str(tmp_path), inputs, ClipParams())

    def watch(_phase: str, done: int, _total: int, _eta: float | None) -> None:
        if done == 20:
            told.set()

    context = Context(task, progress=watch, cancelled=told)
    with pytest.raises(Cancelled):
        engine.run(task, context)
    context.discard_outputs()
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}
