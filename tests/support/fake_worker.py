"""A worker that misbehaves on demand: for what no real worker does when asked.

It runs the real serve loop. Its engine does what `SpeechParams.language` says; faults before that
(a wrong handshake, silence, garbage on the socket) come from the variable FAKE_MODE.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import zmq

from shared_schema import SCHEMA_VERSION, codec, lifeline, worker
from shared_schema.engine import Context, Engine
from shared_schema.errors import Cancelled, TextError
from shared_schema.messages import Hello, Result, Run, Task
from shared_schema.stages import SpeechOutcome, Stage
from shared_schema.tasks import Bench

FOREVER = 3600
SLOW = 3.0
HEARD = "heard"


class Fake(Engine):
    name = "fake"
    stage = Stage.SPEECH
    version = "1"
    summary = "Does what the language says."

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        if task.params.language == "mute":  # type: ignore[union-attr]
            time.sleep(FOREVER)
        if task.params.language == "slow":  # type: ignore[union-attr]
            time.sleep(SLOW)  # longer than an idle worker may be silent
            return SpeechOutcome(24000, 0, 1)
        # What happens next must not overtake the report of its phase.
        while not (Path(task.folder) / HEARD).exists():
            context.progress("speaking", 0, 2)
            threading.Event().wait(0.01)
        behave = getattr(self, f"_{task.params.language}")  # type: ignore[union-attr]
        behave(context)
        context.progress("speaking", 2, 2)
        context.output("speech", "speech.wav").write_bytes(b"sound" + str(task.seed).encode())
        return SpeechOutcome(24000, 5, 1, voice=str(os.getpid()))

    def _echo(self, context: Context) -> None:
        context.chunk("speech", b"so")

    def _crash(self, _context: Context) -> None:
        logging.getLogger("fake").error("about to crash")
        os.kill(os.getpid(), signal.SIGSEGV)
        threading.Event().wait(FOREVER)

    def _exit(self, _context: Context) -> None:
        os._exit(3)

    def _killed(self, _context: Context) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _hang(self, _context: Context) -> None:
        """In native code that holds the GIL: not even the link thread runs."""
        while True:  # a signal cuts sleep(3) short
            ctypes.PyDLL(None).sleep(FOREVER)

    def _sleep(self, _context: Context) -> None:
        """In native code without the GIL: pings are answered, nothing goes on."""
        time.sleep(FOREVER)

    def _stop(self, _context: Context) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    def _wait(self, context: Context) -> None:
        """Until cancelled, with a file half written."""
        half = context.output("speech", "speech.wav")
        half.write_bytes(b"half")
        while True:
            context.progress("speaking", 1, 2)
            threading.Event().wait(0.01)

    def _deaf(self, context: Context) -> None:
        """Goes on, but never notices that it was cancelled."""
        while True:
            try:
                context.progress("speaking", 1, 2)
            except Cancelled:
                threading.Event().wait(0.01)

    def _child(self, context: Context) -> None:
        """Starts a process of its own, then waits."""
        pid = os.posix_spawn("/bin/sleep", ["sleep", str(FOREVER)], {})
        (Path(context.task.folder) / "child.pid").write_text(str(pid))
        self._wait(context)

    def _refuse(self, _context: Context) -> None:
        raise TextError("The text is odd.", "Write another.")

    def _bug(self, _context: Context) -> None:
        raise ValueError("nobody foresaw this")

    def _full(self, _context: Context) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def _memory(self, _context: Context) -> None:
        raise MemoryError


class Raw:
    """Speaks on the socket without the serve loop."""

    def __init__(self) -> None:
        options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
        lifeline.arm(int(options["--lifeline"]), int(options["--parent"]))
        self.dealer = zmq.Context().socket(zmq.DEALER)
        self.dealer.setsockopt(zmq.IDENTITY, options["--identity"].encode())
        self.dealer.connect(options["--endpoint"])

    def hello(self, **changes: object) -> None:
        fields: dict[str, object] = {
            "worker": "tts",
            "token": os.environ[worker.TOKEN_VARIABLE],
            "pid": os.getpid(),
            "schema": SCHEMA_VERSION,
            "python": "3.12.1",
            "lock": "",
            "device": "cpu",
            "engines": [worker.describe(Fake)],
        }
        self.dealer.send_multipart(codec.encode(Hello(**{**fields, **changes})))  # type: ignore[arg-type]

    def wait(self) -> None:
        while True:
            self.dealer.recv_multipart()

    def run(self, mode: str) -> None:
        getattr(self, f"mode_{mode}")()
        self.wait()

    def mode_silent(self) -> None:
        """Never says a word."""

    def mode_schema(self) -> None:
        self.hello(schema=SCHEMA_VERSION + 98)

    def mode_stranger(self) -> None:
        self.hello(token="guessed")  # noqa: S106 - nobody's

    def mode_name(self) -> None:
        self.hello(worker="vision")

    def mode_python(self) -> None:
        self.hello(python="3.9.2")

    def mode_lock(self) -> None:
        self.hello(lock="f" * 64)

    def mode_garbage(self) -> None:
        self.hello()
        self.dealer.recv_multipart()
        self.dealer.send(b"\xc1garbage")

    def mode_liar(self) -> None:
        """Reports a file that is not what it says; and answers an attempt that nobody made, first."""
        self.hello()
        self.dealer.recv_multipart()
        while True:
            message, _ = codec.decode(self.dealer.recv_multipart())
            if isinstance(message, Run):
                break
        (Path(message.task.folder) / HEARD).touch()
        result = Bench([Fake], lambda _phase: None).run_alone(message.task)
        for task_id, attempt in (("another", 1), (message.task.id, 99), (message.task.id, 1)):
            answer = Result(task_id, attempt, result.artifacts, result.outcome, {}, result.peaks)
            if (task_id, attempt) == (message.task.id, 1):
                (Path(message.task.folder) / "speech.wav").write_bytes(b"other")
            self.dealer.send_multipart(codec.encode(answer))


ENGINES = [Fake]

if __name__ == "__main__":
    fake_mode = os.environ.get("FAKE_MODE", "")
    if fake_mode == "dead":
        sys.exit("cannot import name 'isin'")
    if fake_mode == "slow":
        time.sleep(SLOW)
        worker.main("tts", "__main__")
    elif fake_mode:
        Raw().run(fake_mode)
    else:
        worker.main("tts", "__main__")
