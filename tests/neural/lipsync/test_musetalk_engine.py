"""The engine `musetalk`, run as its worker runs it: what it makes, and how it comes and goes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
import pytest
from msgspec.structs import replace

from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.engines.musetalk import MuseTalk
from lipsync_worker.musetalk.model import Network
from shared_schema.engine import file_reference
from shared_schema.errors import Cancelled, EngineUnavailable
from shared_schema.feed import Feed
from shared_schema.messages import Profile
from shared_schema.stages import SPEECH_RATE, Dubbing, LipsyncParams
from tests.neural.lipsync.conftest import Perform
from tests.workers.lipsync.conftest import FACE, PORTRAIT, Speak, Speech

ROOT = Path(__file__).parents[3]
PATIENCE = 240
SOUNDS = [("", 0.08), ("ɑ", 0.2), ("", 0.08)]
STILL = LipsyncParams(sway=False, blink=False)


@pytest.fixture
def speech(speak: Speak) -> Speech:
    """Nine frames at 25 a second."""
    return speak(SOUNDS)


def dubbing(**wishes: Any) -> LipsyncParams:
    return LipsyncParams(sway=False, blink=False, dubbing=Dubbing(**wishes))


def frames_of(video: bytes) -> list[Floats]:
    """The pictures of a video, BGR."""
    with av.open(io.BytesIO(video), "r") as container:
        return [frame.to_ndarray(format="bgr24").astype(float) for frame in container.decode(video=0)]


class encodings:  # noqa: N801 - reads as a phrase
    """Within it: how often the VAE's encoder came to an end."""

    def __init__(self, network: Network) -> None:
        self._net = network.vae.encoder
        self.count = 0

    def __enter__(self) -> Self:
        self._hook = self._net.register_forward_hook(self._ended)
        return self

    def __exit__(self, *_error: object) -> None:
        self._hook.remove()

    def _ended(self, *_arguments: object) -> None:
        self.count += 1


def left_over() -> list[str]:
    """Threads of a run that outlived it."""
    return [thread.name for thread in threading.enumerate() if thread.name in {"paste", "encoder"}]


def test_a_photo_speaks_with_a_new_mouth_and_all_else_stays(
    engine: MuseTalk, perform: Perform, speech: Speech, photo: Picture
) -> None:
    made = perform(engine, speech.wav, replace(STILL, fps_numerator=30_000, fps_denominator=1001))
    outcome = made.outcome
    assert (outcome.frames, outcome.width, outcome.height, outcome.driver) == (11, 512, 512, "sound")
    assert outcome.seconds == pytest.approx(11 * 1001 / 30_000)
    assert outcome.untouched == 0
    assert [artifact.name for artifact in made.context.artifacts()] == ["video"]
    with av.open(io.BytesIO(made.video)) as container:
        assert container.streams.video[0].average_rate == Fraction(30_000, 1001)
    frames = frames_of(made.video)
    assert len(frames) == 11
    apart = np.abs(frames[5] - photo).mean(2)
    assert apart[150:180, 200:250].mean() > 10, "with random weights the mouth is noise"
    assert max(apart[250:].mean(), apart[:60].mean()) < 3, "as far as H.264 lets it"
    assert left_over() == []


def test_what_it_does_is_told_with_how_much_of_it(engine: MuseTalk, perform: Perform, speech: Speech) -> None:
    made = perform(engine, speech.wav)
    assert made.progress[0] == ("listening", 0, 0)
    dubbing = [(done, total) for phase, done, total in made.progress if phase == "dubbing"]
    assert dubbing == sorted(dubbing)
    assert {total for _, total in dubbing} == {9}
    assert dubbing[-1] == (9, 9)
    made.context.finish_phase()
    assert set(made.context.timings) == {"listening", "dubbing"}


def test_the_same_request_gives_the_same_video_and_its_face_is_looked_at_once(
    engine: MuseTalk, perform: Perform, speech: Speech, home: Path
) -> None:
    with encodings(engine.network) as looked:
        first = perform(engine, speech.wav, seed=7).video
        assert looked.count == 2  # with its lower half hidden, and whole
        again = perform(engine, speech.wav, seed=7).video
        another = perform(engine, speech.wav, seed=8).video
        assert looked.count == 2
    assert first == again
    assert first != another, "the seed decides how the head moves"
    assert len(list((home / "cache/musetalk").iterdir())) == 1


def test_a_video_is_made_where_latents_cannot_be_kept(
    engine: MuseTalk, perform: Perform, speech: Speech, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "cache").mkdir()
    (home / "cache/musetalk").write_text("in the way")
    assert perform(engine, speech.wav).outcome.frames == 9
    assert "cannot be kept" in caplog.text


@pytest.mark.parametrize("compat", [False, True])
def test_ten_milliseconds_of_speech_are_one_frame(
    engine: MuseTalk, perform: Perform, speak: Speak, compat: bool
) -> None:
    made = perform(engine, speak([("ɑ", 0.01)]).wav, dubbing(compat=compat))
    assert made.outcome.frames == len(frames_of(made.video)) == 1


def test_a_live_voice_is_dubbed_while_it_speaks(engine: MuseTalk, perform: Perform, tmp_path: Path) -> None:
    hum = 0.2 * np.sin(2 * np.pi * 150 * np.arange(int(1.2 * SPEECH_RATE)) / SPEECH_RATE)
    pcm = (hum * 32767).astype("<i2").tobytes()
    feed = Feed(tmp_path)
    feed.append(pcm[: len(pcm) // 2])
    shown: list[int] = []

    def speak_on(phase: str, done: int, _total: int) -> None:
        if phase == "dubbing" and done and not feed.ended:
            shown.append(done)
            feed.append(pcm[len(pcm) // 2 :])
            feed.close()

    made = perform(
        engine,
        feed,
        LipsyncParams(stream=True, fps_numerator=12),
        profile=Profile(batch=64),
        on_progress=speak_on,
    )
    feed.discard()
    assert shown
    assert 0 < shown[0] <= 6, "of the half that was spoken"
    assert made.outcome.frames == 15
    assert made.context.artifacts() == []
    assert not list(made.folder.glob("*.mp4"))
    assert {name for name, _, _ in made.chunks} == {"video"}
    assert [last for _, _, last in made.chunks] == [False] * (len(made.chunks) - 1) + [True]
    assert len(frames_of(b"".join(data for _, data, _ in made.chunks))) == 15
    assert {total for phase, _, total in made.progress[:-1] if phase == "dubbing"} == {0}
    assert left_over() == []


def test_a_recording_can_be_sent_while_it_is_dubbed(
    engine: MuseTalk, perform: Perform, speech: Speech
) -> None:
    made = perform(engine, speech.wav, LipsyncParams(stream=True, sway=False, blink=False))
    assert made.context.artifacts() == []
    assert len(frames_of(b"".join(data for _, data, _ in made.chunks))) == made.outcome.frames == 9


@pytest.mark.parametrize("stop_at", ["listening", "dubbing"])
def test_a_cancelled_task_leaves_nothing(
    engine: MuseTalk, perform: Perform, speak: Speak, tmp_path: Path, stop_at: str
) -> None:
    speech = speak([("ɑ", 0.8)]).wav
    cancelled = threading.Event()
    done_then: list[int] = []

    def stop(phase: str, done: int, _total: int) -> None:
        if phase == stop_at and (done >= 4 or phase == "listening"):
            done_then.append(done)
            cancelled.set()

    with pytest.raises(Cancelled):
        perform(engine, speech, cancelled=cancelled, on_progress=stop)
    assert done_then[-1] < 20
    assert left_over() == []
    assert not list(tmp_path.glob("job-*/*.mp4"))
    opened = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert not [path for path in opened if path.startswith(str(tmp_path / "job"))]
    assert perform(engine, speech).outcome.frames == 20


def away(engine: MuseTalk) -> bool:
    return engine.network._residence.is_away


def test_it_comes_and_goes_and_makes_the_same_video(
    engine: MuseTalk, perform: Perform, speech: Speech
) -> None:
    before = perform(engine, speech.wav).video
    engine.network.use("cpu:0")  # a second place on the host, as a GPU's memory would be
    assert away(engine)
    engine.offload()
    engine.offload()
    assert not away(engine)
    assert perform(engine, speech.wav).video == before
    for leave in (engine.unload, engine.offload, engine.unload):
        leave()
    with pytest.raises(EngineUnavailable, match="musetalk engine is not loaded"):
        perform(engine, speech.wav)
    engine.load()
    assert perform(engine, speech.wav).video == before


@pytest.mark.usefixtures("home")
def test_a_worker_dubs_one_portrait_from_a_request(tmp_path: Path, speech: Speech) -> None:
    job = tmp_path / "job"
    job.mkdir()
    for role, source in {"portrait": PORTRAIT, "face": FACE, "speech": speech.wav}.items():
        (job / role).write_bytes(source.read_bytes())
    task = {
        "id": "debug", "attempt": 1, "stage": "lipsync", "engine": "musetalk", "folder": str(job), "seed": 3,
        "inputs": {
            name: {"path": name, "sha256": reference.sha256, "size": reference.size}
            for name in ("portrait", "face", "speech")
            for reference in [file_reference(job / name, job)]
        },
        "params": {"type": "lipsync", "fps_numerator": 12},
    }  # fmt: skip
    (tmp_path / "task.json").write_text(json.dumps(task))
    done = subprocess.run(
        [sys.executable, "-m", "lipsync_worker", "--request", tmp_path / "task.json"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'envs/lipsync'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [artifact["name"] for artifact in result["artifacts"]] == ["video"]
    assert (result["outcome"]["frames"], result["outcome"]["driver"]) == (5, "sound")
    assert len(frames_of((job / "video.mp4").read_bytes())) == 5
    # Libraries have much to say while they are imported; none of it is of use to who reads the log.
    assert [line for line in done.stderr.splitlines() if "Warning" in line or "torchvision" in line] == []
