"""A job's journal: what happened, one JSON line an event, kept after the job for `avatar trace`.

    {"event":"journal","job":"1f0c...","title":"run -o hello.mp4","started":"2026-...","devices":[...]}
    {"event":"started","at":0.41,"worker":"tts","pid":4711,"device":"cpu"}
    ...
    {"event":"journal-ended","seconds":6.2,"outcome":"done"}

Each line is written at once and whole, so that after `kill -9` all but the last event can be read.
The journal is a convenience: where the disk is full or read-only, the job goes on without it.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from orchestrator import locks
from orchestrator.gpu.device import Device
from orchestrator.gpu.events import Event
from shared_schema import paths
from shared_schema.errors import AvatarError, Cancelled, InputError

__all__ = ["KEPT", "Ending", "Header", "Journal", "ending", "find", "is_running", "newest", "read"]

KEPT = 50
"""Journals that are kept."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC

log = logging.getLogger(__name__)


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="event"):
    """Tagged as the events are, so that one decoder reads every line."""


class Header(_Line, frozen=True, tag="journal"):
    """The first line: which job, what was run (`title`), when, by which version, with which devices."""

    job: str
    title: str
    started: datetime
    version: str
    devices: list[Device]


class Ending(_Line, frozen=True, tag="journal-ended"):
    """The last line: `outcome` is "done" or an error's code. A killed job leaves none."""

    seconds: float
    outcome: str


_decoder: msgspec.json.Decoder[Header | Ending | Event] = msgspec.json.Decoder(Header | Ending | Event)


class Journal:
    """Writes the events of one job. A context manager: left, it notes how the job ended.

    `warn` is told once, in a sentence, where nothing can be written any more.
    """

    def __init__(
        self,
        job: str,
        title: str,
        devices: Sequence[Device] = (),
        *,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        """Begin the journal and remove the oldest ones. Never raises OSError."""
        self.path = _folder() / f"{job}.jsonl"
        self._warn = warn
        self._began = time.monotonic()
        self._descriptor: int | None = None
        try:
            self._descriptor = _begin(self.path)
        except OSError as error:
            self._give_up(error)
        self._append(
            Header(
                job=job,
                title=title,
                started=datetime.now(UTC),
                version=_version(),
                devices=list(devices),
            )
        )

    def __call__(self, event: Event) -> None:
        """Append an event."""
        self._append(event)

    def close(self, outcome: str) -> None:
        """Note how the job ended and let go of the file. What is said afterwards is not heard."""
        self._append(Ending(seconds=time.monotonic() - self._began, outcome=outcome))
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(_outcome(error))

    def _append(self, line: Header | Ending | Event) -> None:
        if self._descriptor is None:
            return
        data = msgspec.json.encode(line) + b"\n"
        try:
            written = os.write(self._descriptor, data)
        except OSError as error:
            self._give_up(error)
            return
        if written < len(data):
            # A regular file takes less than it was given only where the disk is full.
            self._give_up(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def _give_up(self, error: OSError) -> None:
        self._release()
        self._warn(
            f"The journal {self.path} cannot be written: {error.strerror}. The job goes on without it."
        )

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def read(path: Path) -> tuple[Header, list[Event]]:
    """A journal's header and events. A torn last line is ignored.

    InputError where it cannot be read, or another version wrote it.
    """
    first, *rest = _lines(path)
    if not isinstance(first, Header):
        raise InputError(f"The journal {path} does not begin with a header.", "Choose another job.")
    return first, [line for line in rest if not isinstance(line, Header | Ending)]


def ending(path: Path) -> Ending | None:
    """How a job ended; None where it was killed, or still runs. InputError as for `read`."""
    last = _lines(path)[-1]
    return last if isinstance(last, Ending) else None


def newest() -> list[Path]:
    """All journals, the newest first."""
    folder = _folder()
    if not folder.is_dir():
        return []
    dated = [(_modified(path), path) for path in folder.glob("*.jsonl")]
    return [path for _, path in sorted(dated, reverse=True)]


def find(name: str) -> Path:
    """The journal of a job's id, of the beginning of just one id, or of the `last` job.

    InputError where there is none, or several.
    """
    known = newest()
    if not known:
        raise InputError("No job has left a journal yet.", "Run one: avatar run -o hello.mp4")
    found = known[:1] if name == "last" else [path for path in known if path.stem == name]
    found = found or [path for path in known if name and path.stem.startswith(name)]
    if len(found) == 1:
        return found[0]
    few = ", ".join(path.stem for path in (found or known)[:3])
    if found:
        raise InputError(f"Several jobs begin with {name}: {few}.", "Give more of the id.")
    raise InputError(f"No job {name!r} has left a journal.", f"The newest are: {few}. Or say `last`.")


def is_running(path: Path) -> bool:
    """Whether the job of this journal still writes it."""
    try:
        return locks.is_held(path)
    except FileNotFoundError:
        return False


def _folder() -> Path:
    return paths.state_dir() / "journals"


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # removed meanwhile, by the beginning of another job
        return 0


def _begin(path: Path) -> int:
    """Make room and open the file; its lock says that the job runs, however it ends."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in newest()[KEPT - 1 :]:
        old.unlink(missing_ok=True)
    descriptor = os.open(path, _NEW, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _lines(path: Path) -> list[Header | Ending | Event]:
    """Every whole line, at least one."""
    try:
        *whole, _torn = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"The journal {path} cannot be read: {error.strerror}.") from error
    lines = []
    for number, line in enumerate(whole, 1):
        try:
            lines.append(_decoder.decode(line))
        except msgspec.MsgspecError as error:
            raise InputError(
                f"Line {number} of the journal {path} is not understood: {error}.",
                "Another version may have written it.",
            ) from error
    if not lines:
        raise InputError(f"The journal {path} is empty.", "Choose another job.")
    return lines


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "done"
    if isinstance(error, AvatarError):
        return error.code
    # KeyboardInterrupt and asyncio.CancelledError are no Exceptions.
    return AvatarError.code if isinstance(error, Exception) else Cancelled.code


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - slow to import, and only a job needs it

    return version("avatar-pipeline")
