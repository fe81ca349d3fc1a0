"""Wav2Lip's engine on tiny random weights: the same contract, the same paste, its licence asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pytest
import torch

from lipsync_worker.arrays import Picture, picture
from lipsync_worker.engines.wav2lip import Wav2Lip
from lipsync_worker.wav2lip.drawing import Drawer
from shared_schema.engine import Context
from shared_schema.errors import EngineUnavailable, InputError
from shared_schema.messages import Profile, Task
from shared_schema.stages import Dubbing, LipsyncParams, Stage
from shared_schema.weights import RECORD_NAME, accept_licence, read_record
from tests.neural.lipsync import tiny_wav2lip
from tests.neural.lipsync.conftest import Perform
from tests.workers.lipsync.conftest import PORTRAIT, Sounds, Speak

STILL = LipsyncParams(blink=False, sway=False)
WORD: Sounds = [("m", 0.08), ("ɑ", 0.2), ("", 0.1)]


@pytest.fixture(params=[96, 256])
def side(request: pytest.FixtureRequest) -> int:
    """Of the faces, pixels."""
    return int(request.param)


@pytest.fixture
def photo() -> Picture:
    """The sample portrait, BGR."""
    loaded = cv2.imread(str(PORTRAIT))
    assert loaded is not None
    return picture(loaded)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int) -> Iterator[Wav2Lip]:
    """The engine with tiny weights of either layout, loaded."""
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "home"))
    tiny_wav2lip.make(tmp_path / "home/models/wav2lip", side)
    made = Wav2Lip()
    made.load()
    yield made
    made.unload()


def at_work(engine: Wav2Lip, tmp_path: Path) -> Drawer:
    task = Task("t", 1, Stage.LIPSYNC, "wav2lip", str(tmp_path), {}, STILL)
    engine.prepare(STILL, Context(task))
    return engine.at_work(task, STILL, Context(task))[0]


def test_a_photo_speaks(engine: Wav2Lip, speak: Speak, perform: Perform, photo: Picture) -> None:
    speech = speak(WORD)
    done = perform(engine, speech.wav, STILL)
    assert abs(done.outcome.frames - speech.seconds * 25) <= 1
    assert (done.outcome.width, done.outcome.height, done.outcome.driver) == (512, 512, "sound")
    with av.open(str(done.folder / "video.mp4")) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) == done.outcome.frames
    changed = np.abs(np.stack(frames).astype(np.int16) - photo).mean((0, 3))
    assert changed[140:170, 205:245].mean() > 20  # a mouth of noise
    assert changed[260:].mean() < 4  # what encoding makes of the rest


def test_the_same_request_gives_the_same_video(engine: Wav2Lip, speak: Speak, perform: Perform) -> None:
    wav = speak(WORD).wav
    assert perform(engine, wav, STILL).video == perform(engine, wav, STILL).video


def test_faces_are_drawn_by_the_sound_and_the_face_that_are_given(
    engine: Wav2Lip, tmp_path: Path, side: int
) -> None:
    drawer = at_work(engine, tmp_path)
    rng = np.random.default_rng(1)
    crops = rng.integers(0, 256, (2, side, side, 3)).astype(np.uint8)
    sounds = rng.uniform(-4, 4, (2, 80, 16)).astype(np.float32)
    shown = [drawer.refer(crop) for crop in crops]
    assert torch.equal(shown[0][3:], torch.from_numpy(crops[0]).permute(2, 0, 1) / 255)
    assert torch.equal(shown[0][:3, : side // 2], shown[0][3:, : side // 2])
    assert not shown[0][:3, side // 2 :].any()
    (made,) = drawer.render(shown, sounds)
    expected = engine.network.render(torch.stack(shown), torch.from_numpy(sounds)[:, None])
    pixels = (expected.detach() * 255).round().permute(0, 2, 3, 1).numpy()
    assert np.abs(made.pictures().astype(np.int16) - pixels).max() <= 1


def test_offloaded_and_back_it_draws_the_same(engine: Wav2Lip, tmp_path: Path, side: int) -> None:
    crop = np.full((side, side, 3), 90, np.uint8)
    sound = np.zeros((1, 80, 16), np.float32)

    def face() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        drawer = at_work(engine, tmp_path)
        return drawer.render([drawer.refer(crop)], sound)[0].pictures().copy()

    before = face()
    engine.offload()
    assert np.array_equal(face(), before)


def test_larger_faces_are_drawn_fewer_at_once(engine: Wav2Lip, tmp_path: Path, side: int) -> None:
    task = Task("t", 1, Stage.LIPSYNC, "wav2lip", str(tmp_path), {}, STILL)
    batches = [
        engine.at_work(task, STILL, Context(task, profile=Profile(batch=size)))[0].batch for size in (1, 32)
    ]
    assert batches == {96: [8, 70], 256: [8, 9]}[side]


def test_windows_follow_the_video_s_true_rate(engine: Wav2Lip) -> None:
    ears = engine.ears(STILL, Fraction(30000, 1001), live=False)
    sound = np.zeros(16_000 * 3, np.float32)
    heard = sum(len(block) for block in ears.push(sound)) + sum(len(block) for block in ears.finish(90))
    assert heard == 90


@pytest.mark.parametrize("dubbing", [Dubbing(compat=True), Dubbing(shift=3), Dubbing(version="v1")])
def test_what_is_for_musetalk_alone_is_refused(
    engine: Wav2Lip, speak: Speak, perform: Perform, dubbing: Dubbing
) -> None:
    with pytest.raises(InputError, match="Wav2Lip has no"):
        perform(engine, speak(WORD).wav, LipsyncParams(dubbing=dubbing))


def test_it_is_ready_once_its_terms_were_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path))
    assert "avatar models fetch wav2lip" in Wav2Lip.availability().remedy
    folder = tiny_wav2lip.make(tmp_path / "models/wav2lip")
    record = msgspec.structs.replace(read_record(folder), terms="research only")
    (folder / RECORD_NAME).write_bytes(msgspec.json.encode(record))
    assert "--accept-license wav2lip" in Wav2Lip.availability().remedy
    accept_licence("wav2lip")
    assert Wav2Lip.availability().ready


def test_without_weights_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path))
    engine = Wav2Lip()
    with pytest.raises(EngineUnavailable, match="wav2lip are gone"):
        engine.load()
    with pytest.raises(EngineUnavailable, match="not loaded"):
        at_work(engine, tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)
