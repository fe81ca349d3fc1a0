"""A neural voice reads a script: sentence by sentence, in whole or in pieces, timed, checked, cancellable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile

from shared_schema.engine import Context, file_reference
from shared_schema.errors import Cancelled, EngineFailed, TextError
from shared_schema.messages import Task
from shared_schema.records import read_timings
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from tts_worker.chunk import Samples
from tts_worker.reading import read_aloud

RATE = 24_000


class Hummer:
    """A voice that hums each character for 20 ms; German, so that nothing is aligned."""

    rate = RATE
    limit = 80
    language = "de"
    description = "a hum"
    advice: ClassVar[list[str]] = ["Hum louder."]

    def __init__(self, level: float = 0.5) -> None:
        self.level = level
        self.spoken: list[tuple[int, str]] = []

    def speak(self, text: str, index: int) -> Samples:
        self.spoken.append((index, text))
        time = np.arange(round(0.02 * RATE * len(text))) / RATE
        return (self.level * np.sin(2 * np.pi * 150 * time)).astype(np.float32)

    def stream(self, text: str, index: int) -> Iterator[Samples]:
        yield from np.array_split(self.speak(text, index), 5)


class Run:
    """One reading: `read()` gives the outcome; `chunks` are what was handed on."""

    def __init__(self, folder: Path, text: str, params: SpeechParams) -> None:
        script = folder / "script.txt"
        script.write_text(text)
        inputs = {"text": file_reference(script, folder)}
        task = Task("job-tts", 1, Stage.SPEECH, "hummer", str(folder), inputs, params)
        self.folder = folder
        self.chunks: list[tuple[bytes, bool]] = []
        self.cancelled = threading.Event()
        self.context = Context(task, chunk=self._hear, cancelled=self.cancelled)

    def read(self, voice: Hummer) -> SpeechOutcome:
        return read_aloud(self.context, voice)

    def pcm(self) -> bytes:
        samples, rate = soundfile.read(self.folder / "speech.wav", dtype="int16")
        assert rate == RATE
        return bytes(samples.tobytes())

    def _hear(self, name: str, data: bytes, last: bool) -> None:
        assert name == "speech"
        self.chunks.append((data, last))


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def make(text: str, **params: object) -> Run:
        return Run(tmp_path, text, SpeechParams(language="de", **params))  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_handed_on_is_what_was_written(start: Start, stream: bool) -> None:
    run = start("Guten Morgen. Wie geht es?", stream=stream)
    outcome = run.read(Hummer())
    assert b"".join(data for data, _ in run.chunks) == run.pcm()
    assert [last for _, last in run.chunks].count(True) == 1
    assert run.chunks[-1][1]
    assert (outcome.sentences, outcome.language, outcome.advice) == (2, "de", ["Hum louder."])


def test_a_streamed_sentence_is_heard_before_it_is_finished(start: Start) -> None:
    run = start("Ein einziger, recht langer Satz zum Summen.", stream=True)
    heard: list[int] = []

    class Slow(Hummer):
        def stream(self, text: str, index: int) -> Iterator[Samples]:
            for piece in super().stream(text, index):
                heard.append(sum(len(data) for data, _ in run.chunks))
                yield piece

    run.read(Slow())
    assert heard[0] == 0
    assert heard[-1] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_sentences_are_timed_by_their_bounds_where_nothing_aligns_them(start: Start, stream: bool) -> None:
    run = start("Guten Morgen. Wie geht es?", stream=stream)
    run.read(Hummer())
    first, second = read_timings(run.folder / "timings.jsonl")
    assert (first.text, first.phones) == ("Guten Morgen.", [])
    assert first.end - first.start == pytest.approx(0.02 * len(first.text), abs=0.03)
    assert second.start > first.end + 0.3


def test_long_sentences_are_cut_to_the_voices_limit_and_numbered(start: Start) -> None:
    voice = Hummer()
    start("Wort, " * 60 + "Ende.").read(voice)
    assert [index for index, _ in voice.spoken] == list(range(len(voice.spoken)))
    assert max(len(text) for _, text in voice.spoken) <= voice.limit


def test_a_sentence_without_sound_is_left_out_and_a_text_of_such_is_refused(start: Start) -> None:
    with pytest.raises(TextError, match="has a sound"):
        start("Stille. Ruhe.").read(Hummer(level=0.0))


@pytest.mark.parametrize("stream", [False, True])
def test_numbers_that_are_no_sound_are_an_error(start: Start, stream: bool) -> None:
    with pytest.raises(EngineFailed, match="no sound"):
        start("Guten Morgen.", stream=stream).read(Hummer(level=float("nan")))


def test_loud_voices_are_limited(start: Start) -> None:
    run = start("Guten Morgen.")
    run.read(Hummer(level=3.0))
    assert np.abs(np.frombuffer(run.pcm(), np.int16)).max() < 32_000


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_reading_ends_within_its_sentence(start: Start, stream: bool) -> None:
    run = start("Eins. Zwei. Drei.", stream=stream)

    class Stopped(Hummer):
        def speak(self, text: str, index: int) -> Samples:
            run.cancelled.set()
            return super().speak(text, index)

    voice = Stopped()
    with pytest.raises(Cancelled):
        run.read(voice)
    assert len(voice.spoken) == 1
