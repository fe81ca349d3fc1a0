"""Workers for a video that is sent while it is spoken: a voice, a painter, and lips that say what they hear.

Which one this is, LIVE_WORKER says; how the lips behave, LIVE_LIPS; the voice, `SpeechParams.language`. It
says the pieces of `WORDS`, and before each but the first it waits for a file `say-N` in the job's folder: a
test decides how far it is, so nothing depends on who is quicker.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from shared_schema import worker
from shared_schema.engine import Context, Engine
from shared_schema.errors import TextError
from shared_schema.messages import Memory, Task
from shared_schema.stages import (
    SPEECH_RATE,
    LipsyncOutcome,
    PortraitOutcome,
    SpeechOutcome,
    SpeechParams,
    Stage,
)

WORDS = [b"aa", b"bbbb", b"cc", b"dddddd"]
HOST = Memory(200_000_000, 100_000_000)


def wait_for(context: Context, name: str) -> None:
    """Until this file is in the job's folder."""
    while not (Path(context.task.folder) / name).exists():
        context.progress("waiting", 0)
        threading.Event().wait(0.01)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Voice(Engine):
    name, stage, version, summary, host = "voice", Stage.SPEECH, "1", "Says words.", HOST

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        params = task.params
        assert isinstance(params, SpeechParams)
        (Path(task.folder) / "streams").write_text(str(params.stream))
        for number, word in enumerate(WORDS):
            if number and not (params.language == "dies" and task.attempt > 1):
                wait_for(context, f"say-{number}")
                if params.language == "dies":
                    die()
                if params.language == "refuses":
                    raise TextError("The text is odd.")
            context.chunk("speech", word, last=word is WORDS[-1])
        context.output("speech", "speech.wav").write_bytes(b"".join(WORDS))
        rate = 22_050 if params.language == "another-rate" else SPEECH_RATE
        return SpeechOutcome(rate, sum(map(len, WORDS)) // 2, len(WORDS))


class Painter(Engine):
    """Needs no device: it is done whoever holds it."""

    name, stage, version, summary = "painter", Stage.PORTRAIT, "1", "Paints."
    host = Memory(0)

    def run(self, task: Task, context: Context) -> PortraitOutcome:
        context.output("portrait", "portrait.png").write_bytes(b"portrait")
        context.output("face", "face.json").write_bytes(b"face")
        return PortraitOutcome(2, 2)


class Lips(Engine):
    """Sends as video what it hears: live as it comes, from a file after the word file."""

    name, stage, version, summary, host = "lips", Stage.LIPSYNC, "1", "Moves.", HOST
    needs = ("portrait", "face", "speech")
    streams = os.environ.get("LIVE_LIPS", "") != "deaf"

    def run(self, task: Task, context: Context) -> LipsyncOutcome:
        how = os.environ.get("LIVE_LIPS", "")
        context.input("portrait")
        context.progress("listening", 0)
        if not task.live:
            context.chunk("video", b"file:" + context.input("speech").read_bytes())
        else:
            self._follow(how, context)
        return LipsyncOutcome(1, 1.0, 2, 2, "sound")

    def _follow(self, how: str, context: Context) -> None:
        reader = context.live("speech").reader()
        while data := reader.read(1 << 20):
            (Path(context.task.folder) / "heard").touch()
            if how == "dies-unseen" and context.task.attempt == 1:
                die()
            if how != "silent":
                context.chunk("video", data)
            if how == "dies-seen":
                wait_for(context, "seen")
                die()
            if how == "fails":
                raise TextError("The lips are odd.")


ENGINES = {"tts": [Voice], "vision": [Painter], "lipsync": [Lips]}[os.environ.get("LIVE_WORKER", "tts")]

if __name__ == "__main__":
    worker.main(os.environ["LIVE_WORKER"], "__main__")
