"""A video dubbed by MuseTalk's real code: to and fro, with frames in which there is no face."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pytest

from lipsync_worker.arrays import Picture, picture
from lipsync_worker.engines.musetalk import MuseTalk
from lipsync_worker.models import FACE_PARSER
from shared_schema.engine import Context, file_reference
from shared_schema.errors import WeightsError
from shared_schema.messages import Profile, Task
from shared_schema.records import Shots, read_face, write_shots
from shared_schema.stages import Dubbing, LipsyncOutcome, LipsyncParams, Mask, Stage
from shared_schema.tracks import Track, write_track
from shared_schema.weights import RECORD_NAME, Record
from tests.workers.lipsync.clips import write_video
from tests.workers.lipsync.conftest import FACE, PORTRAIT, Sounds, Speak

FRAMES = 14
FACELESS = (5, 6, 7)
SIDE = 256
WORDS: Sounds = [("m", 0.08), ("ɑ", 0.3), ("", 0.2), ("oʊ", 0.3)]
MOUTH = (slice(100, 130), slice(105, 145))  # where it is in the frame of the middle


def source_frame(number: int) -> Picture:
    """The sample portrait's face, moving a pixel to the left with each frame; or a plain wall."""
    if number in FACELESS:
        return np.full((SIDE, SIDE, 3), (90, 120, 60), np.uint8)
    whole = cv2.imread(str(PORTRAIT))
    assert whole is not None
    left = 93 + number
    return picture(whole[40 : 40 + SIDE, left : left + SIDE])


def inputs_in(folder: Path, rate: Fraction) -> None:
    """The clip, when its frames are shown, and where the face is in them."""
    write_video(
        folder / "clip.mp4",
        map(source_frame, range(FRAMES)),
        rate=rate,
        options={"crf": "1"},
        pixels="yuv444p",
    )
    times = [float(number / rate) for number in range(FRAMES)]
    write_shots(folder / "shots.json", Shots(SIDE, SIDE, rate.numerator, rate.denominator, times))
    face = np.asarray(read_face(FACE).points, np.float32)
    points = np.stack([face - np.array([93 + number, 40, 0], np.float32) for number in range(FRAMES)])
    seen = np.array([number not in FACELESS for number in range(FRAMES)])
    points[~seen] = np.nan
    angles = np.where(seen, 0, np.nan).astype(np.float32)
    scene = np.zeros(FRAMES, np.int32)
    arrays = (points, seen, scene, angles, angles, angles)
    write_track(folder / "track.npz", Track(*(memoryview(array) for array in arrays)))


def dub(
    engine: MuseTalk,
    folder: Path,
    speech: Path,
    rate: Fraction,
    dubbing: Dubbing = Dubbing(),  # noqa: B008 - immutable
) -> tuple[LipsyncOutcome, list[Picture]]:
    """The outcome, and the frames of the video."""
    (folder / "speech.wav").write_bytes(speech.read_bytes())
    names = {"clip": "clip.mp4", "shots": "shots.json", "track": "track.npz", "speech": "speech.wav"}
    inputs = {role: file_reference(folder / name, folder) for role, name in names.items()}
    params = LipsyncParams(rate.numerator, rate.denominator, dubbing=dubbing)
    task = Task("t", 1, Stage.LIPSYNC, "musetalk", str(folder), inputs, params)
    outcome = engine.run(task, Context(task, profile=Profile(batch=4)))
    assert isinstance(outcome, LipsyncOutcome)
    with av.open(str(folder / "video.mp4")) as container:
        return outcome, [picture(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


def there_and_back(count: int) -> list[int]:
    once = [*range(FRAMES), *range(FRAMES - 1, -1, -1)]
    return [once[number % len(once)] for number in range(count)]


def difference(first: Picture, second: Picture) -> float:
    return float(np.abs(first.astype(np.int16) - second).mean())


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
def test_the_speech_decides_the_length_and_the_clip_goes_to_and_fro(
    engine: MuseTalk, tmp_path: Path, speak: Speak, rate: Fraction
) -> None:
    inputs_in(tmp_path, rate)
    speech = speak(WORDS)
    outcome, frames = dub(engine, tmp_path, speech.wav, rate)
    assert 0 <= outcome.frames / rate - Fraction(round(speech.seconds * 16_000), 16_000) <= 1 / rate
    assert outcome.frames == len(frames) > FRAMES
    order = there_and_back(len(frames))
    sources = [source_frame(number) for number in range(FRAMES)]
    # Above the nose nothing is replaced: there each frame is the clip's own.
    for number, frame in zip(order, frames, strict=True):
        away = [difference(frame[:70], source[:70]) for source in sources]
        closest = int(np.argmin(away))
        assert away[closest] < 4
        assert closest == number or {closest, number} <= set(FACELESS)


def test_frames_without_a_face_pass_untouched_and_in_their_place(
    engine: MuseTalk, tmp_path: Path, speak: Speak
) -> None:
    rate = Fraction(25)
    inputs_in(tmp_path, rate)
    outcome, frames = dub(engine, tmp_path, speak(WORDS).wav, rate)
    order = there_and_back(len(frames))
    assert outcome.untouched == sum(number in FACELESS for number in order)
    for number, frame in zip(order, frames, strict=True):
        changed = difference(frame[MOUTH], source_frame(number)[MOUTH])
        assert changed < 4 if number in FACELESS else changed > 20, (number, changed)


def test_the_published_way_works_on_clips_too(engine: MuseTalk, tmp_path: Path, speak: Speak) -> None:
    rate = Fraction(30000, 1001)
    inputs_in(tmp_path, rate)
    speech = speak(WORDS)
    outcome, _ = dub(engine, tmp_path, speech.wav, rate, Dubbing(compat=True))
    assert outcome.frames == int(speech.seconds * 29)  # its fault: rates lose their fraction


def test_a_clip_s_latents_are_kept(engine: MuseTalk, home: Path, tmp_path: Path, speak: Speak) -> None:
    inputs_in(tmp_path, Fraction(25))
    wav = speak(WORDS).wav
    first = dub(engine, tmp_path, wav, Fraction(25))
    (kept,) = (home / "cache/musetalk").glob("*.safetensors")
    looked: list[int] = []
    handle = engine.network.vae.encoder.register_forward_hook(lambda *_: looked.append(1))
    second = dub(engine, tmp_path, wav, Fraction(25))
    handle.remove()
    assert not looked
    assert kept.is_file()
    assert all(np.array_equal(a, b) for a, b in zip(first[1], second[1], strict=True))


def test_a_task_that_fails_before_its_first_frame_leaves_the_clip_closed(
    engine: MuseTalk, home: Path, tmp_path: Path, speak: Speak
) -> None:
    inputs_in(tmp_path, Fraction(25))
    parser = home / "models" / FACE_PARSER
    parser.mkdir()
    (parser / "parser.safetensors").write_bytes(b"no weights")
    (parser / RECORD_NAME).write_bytes(msgspec.json.encode(Record(FACE_PARSER, "0" * 40, "research", {})))
    with pytest.raises(WeightsError):
        dub(engine, tmp_path, speak(WORDS).wav, Fraction(25), Dubbing(compat=True, mask=Mask.V15))
    opened = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert not any(path.endswith("clip.mp4") for path in opened)
