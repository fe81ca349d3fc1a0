"""The engine, run as its worker runs it: from files to a finished video."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync_worker.arrays import Picture, picture
from lipsync_worker.engines import ENGINES
from lipsync_worker.engines.talking_photo import TalkingPhoto
from shared_schema.engine import Context, file_reference
from shared_schema.errors import Cancelled, FaceError, InputError, PhotoError, RecordingError
from shared_schema.messages import Task
from shared_schema.records import FaceMesh, read_face, write_face
from shared_schema.stages import Dubbing, LipsyncOutcome, LipsyncParams, Stage
from tests.workers.conftest import EngineRun, RunEngine
from tests.workers.lipsync.conftest import FACE, PORTRAIT, Speak, Speech

QUIET = LipsyncParams(sway=False, blink=False)


Animate = Callable[..., EngineRun]


@pytest.fixture
def engine() -> TalkingPhoto:
    engine = TalkingPhoto()
    engine.load()
    return engine


@pytest.fixture
def animate(engine: TalkingPhoto, run_engine: RunEngine, speak: Speak) -> Animate:
    """`animate(params, spoken, seed=..., **files)`: the sample and a made-up sentence, if not given."""

    def run(
        params: LipsyncParams = QUIET, spoken: Speech | None = None, *, seed: int = 0, **inputs: Path
    ) -> EngineRun:
        if "speech" not in inputs:
            spoken = spoken or speak()
            inputs |= {"speech": spoken.wav, "timings": spoken.timings}
        return run_engine(engine, params, seed=seed, **({"portrait": PORTRAIT, "face": FACE} | inputs))

    return run


def pictures(video: Path) -> list[Picture]:
    with av.open(str(video)) as container:
        return [picture(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


def crop(tmp_path: Path, photo: Picture, right: int, bottom: int) -> dict[str, Path]:
    """The sample cut to a size, with its landmarks."""
    cv2.imwrite(str(tmp_path / "p.png"), photo[:bottom, :right])
    write_face(tmp_path / "f.json", FaceMesh(right, bottom, 0.0, read_face(FACE).points))
    return {"portrait": tmp_path / "p.png", "face": tmp_path / "f.json"}


def test_of_the_worker_s_engines_one_is_always_ready() -> None:
    dubbing = [engine for engine in ENGINES if engine.stage is Stage.LIPSYNC]
    assert [engine.name for engine in dubbing] == ["musetalk", "talking-photo", "wav2lip"]
    assert dubbing[1].availability().ready


def test_what_is_for_networks_is_refused(animate: Animate) -> None:
    with pytest.raises(InputError, match="its own mouth"):
        animate(LipsyncParams(dubbing=Dubbing(sharpen=0.5)))


def test_speech_with_timings_becomes_a_video_of_its_length(animate: Animate, speak: Speak) -> None:
    speech = speak()
    run = animate(LipsyncParams(), speech)
    outcome = run.outcome
    assert isinstance(outcome, LipsyncOutcome)
    assert (outcome.width, outcome.height, outcome.driver) == (512, 512, "phonemes")
    assert outcome.seconds == pytest.approx(speech.seconds, abs=0.04)
    assert len(pictures(run.files["video"])) == outcome.frames
    assert run.progress[-1] == ("animating", outcome.frames, outcome.frames)


def test_the_mouth_moves_in_speech_and_stands_still_in_silence(animate: Animate, speak: Speak) -> None:
    run = animate(QUIET, speak([("", 0.6), ("ɑ", 0.2), ("m", 0.1), ("ɑ", 0.2), ("", 0.6)]))
    grey = [cv2.cvtColor(p, cv2.COLOR_BGR2GRAY).astype(float) for p in pictures(run.files["video"])]
    change = [float(np.abs(b - a)[130:185, 180:270].mean()) for a, b in pairwise(grey)]
    assert max(change[:10]) < 0.25 * max(change[14:30])
    assert max(change[-8:]) < 0.25 * max(change[14:30])


def test_without_timings_the_sound_drives(animate: Animate, speak: Speak) -> None:
    run = animate(speech=speak([("", 0.2), ("ɑ", 0.3)]).wav)
    assert isinstance(run.outcome, LipsyncOutcome)
    assert run.outcome.driver == "sound"


def test_the_same_task_gives_the_same_bytes_and_another_seed_others(animate: Animate, speak: Speak) -> None:
    speech = speak([("", 0.2), ("m", 0.1), ("ɑ", 0.3)])
    made = [animate(LipsyncParams(), speech, seed=seed).files["video"].read_bytes() for seed in (7, 7, 8)]
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize(("size", "expected"), [((511, 401), (512, 402)), ((340, 255), (340, 256))])
def test_odd_sizes_are_made_even(
    animate: Animate, photo: Picture, tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    run = animate(LipsyncParams(), **crop(tmp_path, photo, *size))
    assert isinstance(run.outcome, LipsyncOutcome)
    assert (run.outcome.width, run.outcome.height) == expected
    assert pictures(run.files["video"])[0].shape == (expected[1], expected[0], 3)


def test_a_face_at_the_lower_border_is_animated_too(
    animate: Animate, speak: Speak, photo: Picture, tmp_path: Path
) -> None:
    run = animate(LipsyncParams(), speak([("ɑ", 0.3)]), **crop(tmp_path, photo, 300, 182))
    assert len(pictures(run.files["video"])) == 8


@pytest.mark.parametrize("stop_at", ["listening", "animating"])
def test_a_cancelled_task_stops_and_holds_nothing_open(
    engine: TalkingPhoto, speak: Speak, tmp_path: Path, open_files: Callable[[], set[str]], stop_at: str
) -> None:
    speech = speak()
    told = threading.Event()
    sources = {"portrait": PORTRAIT, "face": FACE, "speech": speech.wav, "timings": speech.timings}
    for role, source in sources.items():
        (tmp_path / f"{role}{source.suffix}").write_bytes(source.read_bytes())
    inputs = {
        role: file_reference(tmp_path / f"{role}{path.suffix}", tmp_path) for role, path in sources.items()
    }
    task = Task("t", 1, Stage.LIPSYNC, "talking-photo", str(tmp_path), inputs, LipsyncParams(), 0)

    def watch(phase: str, done: int, _total: int, _eta: float | None) -> None:
        if phase == stop_at and (done >= 10 or phase == "listening"):
            told.set()

    context = Context(task, progress=watch, cancelled=told)
    with pytest.raises(Cancelled):
        engine.run(task, context)
    assert not [path for path in open_files() if path.startswith(str(tmp_path))]
    context.discard_outputs()
    assert not (tmp_path / "video.mp4").exists()


def test_landmarks_of_another_picture_are_refused(animate: Animate, photo: Picture, tmp_path: Path) -> None:
    other = crop(tmp_path, photo, 400, 400)["portrait"]
    with pytest.raises(FaceError, match="512x512 pixels, the portrait has 400x400"):
        animate(portrait=other)


def test_a_portrait_that_is_no_picture_is_refused(animate: Animate, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"no picture")
    with pytest.raises(PhotoError, match="cannot be read as a picture"):
        animate(portrait=tmp_path / "p.png")


def test_speech_that_is_no_recording_is_refused_before_anything_is_written(
    animate: Animate, tmp_path: Path
) -> None:
    (tmp_path / "s.wav").write_bytes(b"no sound")
    with pytest.raises(RecordingError):
        animate(speech=tmp_path / "s.wav")
    assert not list(tmp_path.glob("**/video.mp4"))


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 2), (1_000_000, 1)])
def test_a_frame_rate_out_of_range_is_refused(animate: Animate, numerator: int, denominator: int) -> None:
    with pytest.raises(InputError, match="frames a second"):
        animate(LipsyncParams(fps_numerator=numerator, fps_denominator=denominator))
