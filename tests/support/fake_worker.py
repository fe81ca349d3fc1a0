"""A worker that misbehaves on demand: for what no real worker does when asked.

It runs the real serve loop. Its engine does what `SpeechParams.language` says, and in `load` and
`offload` what the variables FAKE_LOAD and FAKE_OFFLOAD say; faults before and beside that (a wrong
handshake, silence, garbage on the socket) come from the variable FAKE_MODE.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

import zmq

from shared_schema import SCHEMA_VERSION, codec, lifeline, worker
from shared_schema.engine import Context, Engine
from shared_schema.errors import Cancelled, TextError
from shared_schema.messages import (
    Failed,
    Hello,
    Loaded,
    Memory,
    Release,
    Released,
    Result,
    Run,
    Task,
)
from shared_schema.stages import SpeechOutcome, Stage
from shared_schema.tasks import Bench

FOREVER = 3600
SLOW = 3.0
HEARD = "heard"


def misbehave(how: str) -> None:
    """End, stop or hang this process, or fail, as `how` says."""
    if how == "memory":
        raise MemoryError
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif how == "sleep":  # in native code without the GIL: pings are answered, nothing goes on
        time.sleep(FOREVER)
    while how == "hang":  # in native code that holds the GIL; a signal cuts sleep(3) short
        ctypes.PyDLL(None).sleep(FOREVER)


def torch_error(name: str, message: str) -> RuntimeError:
    """An exception of the shape that torch raises."""
    made: RuntimeError = type(name, (RuntimeError,), {"__module__": "torch"})(message)
    return made


class Fake(Engine):
    name = "fake"
    stage = Stage.SPEECH
    version = "1"
    summary = "Does what the language says."
    host = Memory(200_000_000, 100_000_000)

    def load(self) -> None:
        misbehave(os.environ.get("FAKE_LOAD", ""))

    def offload(self) -> None:
        logging.getLogger("fake").info("leaving the device")
        misbehave(os.environ.get("FAKE_OFFLOAD", ""))

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
        misbehave("killed")

    def _hang(self, _context: Context) -> None:
        misbehave("hang")

    def _sleep(self, _context: Context) -> None:
        misbehave("sleep")

    def _stop(self, _context: Context) -> None:
        misbehave("stop")

    def _half(self, context: Context) -> None:
        """Killed in the middle of writing, with a file of its own beside the result."""
        context.output("speech", "speech.wav").write_bytes(b"half")
        (Path(context.task.folder) / "speech.wav.part").write_bytes(b"half")
        (Path(context.task.folder) / "parts").mkdir()
        misbehave("killed")

    def _once(self, context: Context) -> None:
        """As `half`, in the first attempt."""
        left = sorted(path.name for path in Path(context.task.folder).iterdir())
        context.log.info("attempt %d found %s", context.task.attempt, left)
        if context.task.attempt == 1:
            self._half(context)

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

    def _stubborn(self, context: Context) -> None:
        """Ignores SIGTERM and cancellations, and so does the process that it starts."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pid = os.posix_spawn("/bin/sleep", ["sleep", str(FOREVER)], {})
        (Path(context.task.folder) / "child.pid").write_text(str(pid))
        self._deaf(context)

    def _refuse(self, _context: Context) -> None:
        raise TextError("The text is odd.", "Write another.")

    def _bug(self, _context: Context) -> None:
        raise ValueError("nobody foresaw this")

    def _full(self, _context: Context) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def _memory(self, _context: Context) -> None:
        raise MemoryError

    def _limit(self, _context: Context) -> None:
        """Really runs out of memory, at a limit that is set for as long."""
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size + (64 << 20), hard))
        try:
            bytearray(1 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    def _assertion(self, _context: Context) -> None:
        raise torch_error("AcceleratorError", "CUDA error: device-side assert triggered\nAdvice.")

    def _cublas(self, _context: Context) -> None:
        raise RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`")

    def _starved(self, _context: Context) -> None:
        raise torch_error("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB.")


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

    def mode_device(self) -> None:
        self.hello(device="GPU-another")

    def mode_late(self) -> None:
        """Answers what was not asked, and an older epoch, before it answers what was."""
        self.hello()
        self.dealer.recv_multipart()
        while True:
            message, _ = codec.decode(self.dealer.recv_multipart())
            if not isinstance(message, Release):
                continue
            for answer in (
                Loaded("fake", 1.0),
                Failed("t0", 1, "bad-text", "Nobody asked."),
                Released(message.epoch - 1, 1, 1),
                Released(message.epoch, 5, 2),
            ):
                self.dealer.send_multipart(codec.encode(answer))

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
