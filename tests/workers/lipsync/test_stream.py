"""A video that is sent while it is made: fragments that play as they come, in step with their sound."""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync_worker import mp4
from lipsync_worker.arrays import Floats, Picture
from lipsync_worker.encoder import VideoWriter
from lipsync_worker.engines.talking_photo import TalkingPhoto
from lipsync_worker.voice import FileVoice, LiveVoice
from shared_schema.engine import Context, file_reference
from shared_schema.errors import Cancelled
from shared_schema.feed import Feed
from shared_schema.messages import Task
from shared_schema.stages import SPEECH_RATE, LipsyncOutcome, LipsyncParams, Stage
from tests.workers.lipsync.conftest import FACE, PORTRAIT, Speak, write_recording

RATE = Fraction(25)
SIZE = (64, 48)


def click(seconds: float, at: float) -> Floats:
    """Silence with a burst of noise in it."""
    sound = np.zeros(int(seconds * SPEECH_RATE), np.float32)
    start = int(at * SPEECH_RATE)
    sound[start : start + 1200] = np.random.default_rng(0).uniform(-0.5, 0.5, 1200)
    return sound


def noise(number: int, at: int = -1) -> Picture:
    """Hard to compress; all white where the burst is heard."""
    if number == at:
        return np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    return np.random.default_rng(number).integers(0, 120, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def send(tmp_path: Path, seconds: float = 4.0, at: float = 2.0) -> list[bytes]:
    """The pieces of a video of noise, with a white picture and a burst at one moment."""
    speech = write_recording(tmp_path / "s.wav", click(seconds, at)[None], SPEECH_RATE)
    pieces: list[bytes] = []
    with VideoWriter(pieces.append, SIZE, RATE, FileVoice(speech)) as writer:
        for number in range(int(seconds * RATE)):
            writer.write(noise(number, int(at * RATE)))
    assert pieces.pop() == b""  # the end
    return pieces


def decoded(pieces: list[bytes]) -> list[av.VideoFrame]:
    """The pictures of what has come so far."""
    with av.open(io.BytesIO(b"".join(pieces)), "r") as container:
        return list(container.decode(container.streams.video[0]))


def boxes(data: bytes) -> list[str]:
    """The kinds of the boxes at the top (ISO/IEC 14496-12, 4.2)."""
    kinds, start = [], 0
    while start < len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        kinds.append(kind.decode())
        start += size
    assert start == len(data)
    return kinds


def test_the_head_comes_first_and_each_piece_is_whole_fragments(tmp_path: Path) -> None:
    first, *others, last = send(tmp_path)
    assert boxes(first) == ["ftyp", "moov", "moof", "mdat"]
    assert {tuple(boxes(piece)) for piece in others} == {("moof", "mdat")}
    assert boxes(last)[-1] == "mfra"


def test_a_fragment_is_half_a_second(tmp_path: Path) -> None:
    assert 8 <= len(send(tmp_path, 4.0)) <= 9


def test_what_has_come_plays_while_the_rest_is_still_made(tmp_path: Path) -> None:
    pieces = send(tmp_path)
    seen = [len(decoded(pieces[:count])) for count in (1, 3, len(pieces))]
    assert seen[0] >= 12
    assert seen == sorted(set(seen))
    assert seen[-1] == 100


def test_picture_and_sound_are_in_step_at_the_true_rate(tmp_path: Path) -> None:
    data = b"".join(send(tmp_path))
    with av.open(io.BytesIO(data), "r") as container:
        video = container.streams.video[0]
        assert video.average_rate == RATE
        frames = list(container.decode(video))
        white = next(frame for frame in frames if frame.to_ndarray(format="gray").mean() > 200)
        assert white.time == pytest.approx(2.0, abs=0.001)
        assert [float(frame.time or 0) for frame in frames[:3]] == pytest.approx([0.0, 0.04, 0.08])
    with av.open(io.BytesIO(data), "r") as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert np.argmax(np.abs(sound) > 0.1) / SPEECH_RATE == pytest.approx(2.0, abs=0.01)


def test_a_player_can_begin_every_two_seconds_and_no_picture_waits_for_a_later_one(tmp_path: Path) -> None:
    speech = write_recording(tmp_path / "s.wav", click(6.0, 3.0)[None], SPEECH_RATE)
    pieces: list[bytes] = []
    with VideoWriter(pieces.append, SIZE, RATE, FileVoice(speech)) as writer:
        for _ in range(150):
            writer.write(noise(0))  # nothing moves: x264 sees no reason of its own for a keyframe
    frames = decoded(pieces)
    keys = [number for number, frame in enumerate(frames) if frame.key_frame]
    assert max(np.diff([*keys, len(frames)])) <= 50
    assert {int(frame.pict_type) for frame in frames} == {1, 2}  # I and P


def test_a_large_fragment_is_cut_into_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"".join(send(tmp_path))
    monkeypatch.setattr(mp4, "PIECE", 10_000)
    pieces = send(tmp_path)
    assert max(map(len, pieces)) == 10_000
    assert b"".join(pieces) == whole


def test_fragments_come_while_a_live_voice_pauses(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    some = threading.Event()
    pieces: list[bytes] = []

    def take(piece: bytes) -> None:
        pieces.append(piece)
        some.set()

    pcm = (click(1.0, 0.5) * 32767).astype("<i2").tobytes()
    with VideoWriter(take, SIZE, RATE, LiveVoice(feed)) as writer:
        feed.append(pcm)
        for number in range(25):
            writer.write(noise(number))
        assert some.wait(10)
        before = len(pieces)
        feed.append(pcm)
        for number in range(25, 50):
            writer.write(noise(number))
        feed.close()
    feed.discard()
    assert len(pieces) > before
    assert len(decoded(pieces)) == 50


def test_a_video_that_was_broken_off_has_no_end(tmp_path: Path, speak: Speak) -> None:
    pieces: list[bytes] = []

    def break_off() -> None:
        with VideoWriter(pieces.append, SIZE, RATE, FileVoice(speak().wav)) as writer:
            for number in range(20):
                writer.write(noise(number))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert b"" not in pieces


def test_leaving_it_does_not_wait_for_a_voice_that_still_speaks(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    waits = threading.Event()
    feed.waiting = waits.set

    def break_off() -> None:
        with VideoWriter(lambda _piece: None, SIZE, RATE, LiveVoice(feed)) as writer:
            writer.write(noise(0))
            assert waits.wait(10)  # the encoder wants the sound of this picture
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    feed.discard()
    assert not [thread for thread in threading.enumerate() if thread.name == "encoder"]


def test_a_task_that_is_cancelled_while_the_encoder_waits_is_told_by_the_next_write(tmp_path: Path) -> None:
    feed = Feed(tmp_path)

    def cancelled() -> None:
        raise Cancelled("The task was cancelled.")

    feed.waiting = cancelled

    def go_on() -> None:
        with VideoWriter(lambda _piece: None, SIZE, RATE, LiveVoice(feed)) as writer:
            for number in range(100):
                writer.write(noise(number))

    with pytest.raises(Cancelled, match="task was cancelled"):
        go_on()
    feed.discard()


def test_what_the_receiver_raises_comes_out_as_it_is(tmp_path: Path, speak: Speak) -> None:
    def refuse(_piece: bytes) -> None:
        raise ValueError("no room")

    def go_on() -> None:
        with VideoWriter(refuse, SIZE, RATE, FileVoice(speak().wav)) as writer:
            for number in range(70):
                writer.write(noise(number))

    with pytest.raises(ValueError, match="no room"):
        go_on()


def test_the_talking_photo_sends_what_it_would_write(
    tmp_path: Path, speak: Speak, open_files: Callable[[], set[str]]
) -> None:
    speech = speak([("", 0.2), ("m", 0.1), ("ɑ", 0.9)])
    inputs = {}
    for role, source in {"portrait": PORTRAIT, "face": FACE, "speech": speech.wav}.items():
        (tmp_path / f"{role}{source.suffix}").write_bytes(source.read_bytes())
        inputs[role] = file_reference(tmp_path / f"{role}{source.suffix}", tmp_path)
    params = LipsyncParams(stream=True)
    task = Task("t", 1, Stage.LIPSYNC, "talking-photo", str(tmp_path), inputs, params, 0)
    sent: list[tuple[str, bytes, bool]] = []
    context = Context(task, chunk=lambda *piece: sent.append(piece))
    outcome = TalkingPhoto().run(task, context)
    assert isinstance(outcome, LipsyncOutcome)
    assert {name for name, _, _ in sent} == {"video"}
    assert [last for _, _, last in sent] == [False] * (len(sent) - 1) + [True]
    assert context.artifacts() == []
    assert len(decoded([data for _, data, _ in sent])) == outcome.frames == 30
    assert not [path for path in open_files() if path.startswith(str(tmp_path))]
