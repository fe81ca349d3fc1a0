"""Where the speech comes from: a recording, or a voice that is still speaking. Both are heard twice over.

    recording, or live PCM ──┬── listen() ──> mono blocks at 16 kHz, for the lips
                             └── track() ───> frames as they are, for the sound of the video

The two readings are independent: the encoder's may be behind the lips', in a thread of its own.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame

from lipsync_worker.arrays import Floats
from lipsync_worker.recording import decoded, measure, resampled
from shared_schema.feed import Feed, Reader
from shared_schema.stages import SPEECH_RATE

__all__ = ["Check", "FileVoice", "LiveVoice", "Voice"]

PATIENCE = 0.1
"""Seconds without sound after which a live voice says that nothing has come."""

MOST = 2 * SPEECH_RATE
"""Bytes of live sound that are taken at once: one second."""

Check = Callable[[], None]


class Voice(ABC):
    """Speech to move lips by: `rate` in Hz and `channels` are those of its own sound.

    `seconds` is how long it is, None while nobody can know.
    """

    rate: int
    channels: int
    seconds: float | None = None

    @abstractmethod
    def listen(self) -> Iterator[Floats | None]:
        """Mono blocks (n,) of float32, -1 to 1, at `recording.ANALYSIS_RATE`, from the beginning.

        None where a live voice pauses: what there is so far can be used meanwhile. Raises RecordingError for
        a damaged file, and what waiting for a live one raises: Cancelled, ProtocolError, OutputError.
        """

    @abstractmethod
    def track(self, check: Check = lambda: None) -> Generator[AudioFrame]:
        """The sound as it is, from the beginning; close it where it is not read to its end.

        `check` is called while it waits, and may raise to stop.
        """


class FileVoice(Voice):
    """A recording, read to its end once to know its length."""

    seconds: float

    def __init__(self, path: Path, check: Check = lambda: None) -> None:
        """RecordingError where it is empty, damaged or holds NaN. `check` may raise to stop."""
        measured = measure(path, check)
        self.rate, self.channels, self.seconds = measured.rate, measured.channels, measured.seconds
        self._path = path

    def listen(self) -> Iterator[Floats]:
        """As `Voice.listen`; never None."""
        return (block for block in resampled(decoded(self._path)) if block is not None)

    def track(self, _check: Check = lambda: None) -> Generator[AudioFrame]:
        """As `Voice.track`; never waits."""
        return decoded(self._path)


class LiveVoice(Voice):
    """16-bit mono PCM at `SPEECH_RATE` that is still coming."""

    rate, channels = SPEECH_RATE, 1

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def listen(self) -> Iterator[Floats | None]:
        """As `Voice.listen`: None after each tenth of a second in which nothing came."""
        return resampled(_frames(self._feed.reader(), PATIENCE))

    def track(self, check: Check = lambda: None) -> Generator[AudioFrame]:
        """As `Voice.track`: waits for what has not come yet."""

        def waiting() -> None:
            check()
            self._feed.waiting()

        for frame in _frames(self._feed.reader(waiting), math.inf):
            if frame is not None:
                yield frame


def _frames(reader: Reader, patience: float) -> Generator[AudioFrame | None]:
    """PCM as frames, None where none came in `patience` seconds. Half a sample waits for its other half."""
    rest = b""
    while (data := reader.read(MOST, patience)) != b"":
        if data is None:
            yield None
            continue
        data = rest + data
        whole = len(data) - len(data) % 2
        data, rest = data[:whole], data[whole:]
        if data:
            frame = AudioFrame.from_ndarray(np.frombuffer(data, "<i2")[None], format="s16", layout="mono")
            frame.sample_rate = SPEECH_RATE
            yield frame
