"""The engine contract: four verbs, the same in every worker.

    out ── load ──> host (weights in memory) ── run ──> device, or host without a GPU
     ^                 │  ^                               │
     └──── unload ─────┘  └─────────── offload ───────────┘

An engine is one class. `availability` is asked of the class, cheaply and without its heavy imports;
an instance is made when it is first needed, and again after `unload`. `run` is called with one task at
a time, in the main thread. One that uses torch moves its weights with `shared_schema.residence`.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import msgspec

from shared_schema.errors import Cancelled, EngineUnavailable, InputError
from shared_schema.feed import Feed
from shared_schema.messages import Artifact, FileRef, Memory, Precision, Profile, Task
from shared_schema.stages import Outcome, Stage

__all__ = ["Availability", "Context", "Engine", "file_reference"]

_FORMATS = {Precision.FP32: "float32", Precision.FP16: "float16", Precision.BF16: "bfloat16"}

ProgressSink = Callable[[str, int, int, float | None], None]
ChunkSink = Callable[[str, bytes, bool], None]


class Availability(msgspec.Struct, frozen=True):
    """Whether an engine can work here; if not, one sentence on what it lacks and one on the remedy."""

    ready: bool
    lacks: str = ""
    remedy: str = ""


class Engine(ABC):
    """One model, or one method that needs none.

    `languages` are the BCP 47 tags it speaks; `needs` the input files without which it cannot work ("a|b" is
    one of both),
    `ignores` those it can make no use of, so that it is not taken where the user gave one.
    A worker lists its engines best first: of those that are ready and whose needs are met, the
    first is taken.

    `host` and `gpu` state, from measurement and with a margin, what its process holds while it works and
    what remains when the engine has left. The orchestrator plans by them, and measures: a worker that
    keeps more than its context is ended. `gpu` is None for an engine that never uses one; `gpu_by_parts` is
    what suffices where `Profile.by_parts` is set, None where that makes no difference.

    An engine that `streams` takes a live speech: see `Context.live`.
    """

    name: ClassVar[str]
    stage: ClassVar[Stage]
    version: ClassVar[str]
    summary: ClassVar[str]
    languages: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    ignores: ClassVar[tuple[str, ...]] = ()
    host: ClassVar[Memory]
    gpu: ClassVar[Memory | None] = None
    gpu_by_parts: ClassVar[Memory | None] = None
    streams: ClassVar[bool] = False

    @classmethod
    def availability(cls) -> Availability:
        """Whether this engine can work on this machine. Must be quick: it is asked at every start."""
        return Availability(ready=True)

    def load(self) -> None:  # noqa: B027 - an engine without weights has nothing to load
        """Bring the weights into host memory. Touches no GPU: none has been granted yet."""

    @abstractmethod
    def run(self, task: Task, context: Context) -> Outcome:
        """Do one task: read `context.input(...)`, write `context.output(...)`, report progress.

        It computes on `context.device`, within `context.budget` and as `context.profile` says, and may stay
        on the device afterwards.
        Raises an `AvatarError` for what the user can mend, `Cancelled` out of `context.check()`.
        """

    def offload(self) -> None:  # noqa: B027 - an engine that never takes a device has nothing to give back
        """Leave the device; stay in host memory.

        Afterwards the process holds at most `gpu.context` on it. Called after tasks that failed too, and
        again when there is nothing left to do: then it must cost nothing.
        """

    def unload(self) -> None:  # noqa: B027 - as above
        """Forget the weights, here and on the device. The instance is not used again."""

    def not_loaded(self) -> EngineUnavailable:
        """The error for a task that comes before `load`."""
        return EngineUnavailable(f"The {self.name} engine is not loaded.", "Load it before a task.")


class Context:
    """What a running engine may ask of its worker: its files, its device, progress, cancellation, chunks.

    `device` is torch's name of where to compute, "cpu" or "cuda"; `budget` the bytes that the process may
    hold there, 0 where nobody said; `profile` how to use it. `clock` gives monotonic seconds; the
    remaining time is estimated from the rate since the phase began.
    """

    def __init__(
        self,
        task: Task,
        *,
        progress: ProgressSink = lambda _phase, _done, _total, _eta: None,
        chunk: ChunkSink = lambda _name, _data, _last: None,
        beat: Callable[[str], None] = lambda _phase: None,
        feeds: Mapping[str, Feed] | None = None,
        cancelled: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        device: str = "cpu",
        budget: int = 0,
        profile: Profile = Profile(),  # noqa: B008 - immutable
    ) -> None:
        self.task = task
        self.device = device
        self.budget = budget
        self.profile = profile
        self.log = logging.getLogger(f"engine.{task.engine}")
        self.timings: dict[str, float] = {}
        self._folder = Path(task.folder)
        self._progress = progress
        self._chunk = chunk
        self._beat = beat
        self._feeds = feeds or {}
        self._cancelled = cancelled or threading.Event()
        self._clock = clock
        self._phase = ""
        self._phase_began = clock()
        self._outputs: dict[str, Path] = {}

    @property
    def number_format(self) -> str:
        """The format to compute in, by torch's name of it: as the profile says, and on a CPU always float32.

        CPUs emulate half formats, slowly.
        """
        return "float32" if self.device == "cpu" else _FORMATS[self.profile.precision]

    def input(self, name: str) -> Path:
        """The path of an input file. InputError where the task does not have it or it has changed."""
        path = self.optional_input(name)
        if path is None:
            raise InputError(f"The {self.task.stage} stage needs a {name} file.")
        return path

    def optional_input(self, name: str) -> Path | None:
        """As `input`, and None where the task does not have it."""
        reference = self.task.inputs.get(name)
        if reference is None:
            return None
        path = self._folder / reference.path
        if not path.is_file() or path.stat().st_size != reference.size:
            raise InputError(f"The {name} file {reference.path} is missing or has changed since it was sent.")
        return path

    def inputs(self, name: str) -> list[Path]:
        """The files of a role that may have several: `name`, `name`-2, `name`-3 and so on."""
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        found: list[Path] = []
        for each in names:
            path = self.optional_input(each)
            if path is None:
                break
            found.append(path)
        return found

    def live(self, name: str) -> Feed:
        """An input that comes while the task runs (`Task.live`). InputError where the task has none.

        Whoever waits for it goes on beating, and notices that the task was cancelled.
        """
        if name not in self._feeds:
            raise InputError(f"The {self.task.stage} stage needs a live {name}, and nobody sends one.")
        feed = self._feeds[name]
        feed.waiting = lambda: self._wait_for(name)
        return feed

    def output(self, name: str, filename: str) -> Path:
        """The path at which to write the artifact `name`; what is written there is part of the result."""
        path = self._folder / filename
        if name not in self._outputs:
            path.unlink(missing_ok=True)  # what an attempt that was killed has left is no result of this one
        self._outputs[name] = path
        return path

    def artifacts(self) -> list[Artifact]:
        """What was written at the paths that `output` gave, in order of name."""
        return [
            Artifact(name, file_reference(path, self._folder))
            for name, path in sorted(self._outputs.items())
            if path.is_file()
        ]

    def discard_outputs(self) -> None:
        """Remove what was written so far: a task that failed leaves no half file."""
        for path in self._outputs.values():
            path.unlink(missing_ok=True)

    def progress(self, phase: str, done: int, total: int = 0) -> None:
        """Report progress within a phase, and raise `Cancelled` if the task was cancelled."""
        self.check()
        now = self._clock()
        if phase != self._phase:
            self.finish_phase()
            self._phase, self._phase_began = phase, now
        elapsed = now - self._phase_began
        eta = elapsed / done * (total - done) if 0 < done <= total else None
        self._progress(phase, done, total, eta)

    def finish_phase(self) -> None:
        """Close the running phase's account in `timings`."""
        if self._phase:
            seconds = self._clock() - self._phase_began
            self.timings[self._phase] = self.timings.get(self._phase, 0.0) + seconds
            self._phase = ""

    def check(self) -> None:
        """Raise `Cancelled` if the task was cancelled. Call it at least every half second of work."""
        if self._cancelled.is_set():
            raise Cancelled("The task was cancelled.")

    def _wait_for(self, name: str) -> None:
        self.check()
        self._beat(f"waiting for {name}")

    def chunk(self, name: str, data: bytes, *, last: bool = False) -> None:
        """Send a piece of the result ahead of it."""
        self._chunk(name, data, last)


def file_reference(path: Path, folder: Path) -> FileRef:
    """Describe a file of a job's folder: relative path, SHA-256, size in bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRef(path.relative_to(folder).as_posix(), digest, path.stat().st_size)
