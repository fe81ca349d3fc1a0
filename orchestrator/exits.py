"""Why a process ended, in words that a person can act on: signal, phase, the log's last lines."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from shared_schema.device_errors import DEVICE_FAILED_STATUS
from shared_schema.errors import DeviceFailed, WorkerCrashed, WorkerError
from shared_schema.worker import TERMINATED_STATUS

__all__ = ["Circumstances", "describe_exit", "explain_exit", "tail"]


@dataclass(frozen=True)
class Circumstances:
    """What is known about a process's end besides its status.

    `peak` is the most host memory it was known to hold, bytes, 0 where that is unknown; `out_of_memory`
    whether the kernel ended processes for want of memory while it ran.
    """

    worker: str
    phase: str
    log: Path | None = None
    peak: int = 0
    out_of_memory: bool = False


def describe_exit(status: int) -> str:
    """An exit status in words: "was killed by SIGSEGV", "exited with status 3"."""
    if status == TERMINATED_STATUS:
        return "was ended by SIGTERM"
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"


def explain_exit(status: int, known: Circumstances) -> WorkerError:
    """The error that tells of an end that nobody here asked for; `status` is negative for a signal."""
    name, phase = known.worker, known.phase
    where = f"Its log is {known.log}." if known.log else ""
    if status == DEVICE_FAILED_STATUS:
        return DeviceFailed(f"The GPU failed the {name} worker while {phase}, and its process ended.", where)
    if -status != signal.SIGKILL:
        return WorkerCrashed(f"The {name} worker {describe_exit(status)} while {phase}.", where)
    if known.out_of_memory:
        held = f"It held {known.peak / 1e9:.1f} GB when last asked. " if known.peak else ""
        return WorkerCrashed(
            f"The {name} worker was ended by the kernel while {phase}: the host ran out of memory.",
            f"{held}Close other programs, or choose a smaller engine. {where}".strip(),
        )
    return WorkerCrashed(
        f"The {name} worker was killed by SIGKILL while {phase}, not by us.",
        f"Somebody did, or a limit on this machine; the kernel reports no lack of memory. {where}".strip(),
    )


def tail(log: Path | None, lines: int = 20) -> str:
    """The last lines of a log file; empty where there is none."""
    if log is None or not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 200 * lines))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
