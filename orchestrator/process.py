"""A worker's operating-system process: how it is started, watched, and ended with all its children."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.gpu.device import HOST
from shared_schema.messages import Profile
from shared_schema.worker import TOKEN_VARIABLE

__all__ = ["Launch", "Lifeline", "WorkerProcess", "device_variables"]

log = logging.getLogger(__name__)

# Settings of the caller's own Python would reach into a worker's environment.
_CONTAMINANTS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True)
class Launch:
    """How to start a worker: the command up to its options, and what it must say in its handshake.

    `python` is the interpreter's version ("3.11"), `lock` its lock's digest; empty means: any.
    `device` is the UUID of the one GPU that it may see, or "cpu" for none; `profile` how to use it.
    """

    name: str
    command: tuple[str, ...]
    python: str = ""
    lock: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    device: str = HOST
    profile: Profile = field(default_factory=Profile)


def device_variables(device: str) -> dict[str, str]:
    """What makes CUDA show one GPU, by its UUID, to a process; none for "cpu"."""
    # What a tool lists as GPU 0 is then what CUDA calls 0 too, whichever is the fastest.
    return {"CUDA_VISIBLE_DEVICES": "" if device == HOST else device, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


class Lifeline:
    """A pipe whose write end only this process holds: workers that inherit the read end see us go."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    def close(self) -> None:
        """End every worker that still listens."""
        os.close(self.reader)
        os.close(self._writer)


class WorkerProcess:
    """One start of one worker, leader of its own process group. `log` is None for the terminal."""

    def __init__(self, launch: Launch, log: Path | None) -> None:
        self.launch = launch
        self.log = log
        self.token = secrets.token_hex(16)
        self.identity = f"{launch.name}-{secrets.token_hex(4)}".encode()
        self._process: asyncio.subprocess.Process | None = None
        self._swept = False

    async def start(self, endpoint: str, lifeline: Lifeline) -> None:
        """Start it. Call from the main thread: PR_SET_PDEATHSIG watches the thread that forks."""
        options = [
            "--endpoint", endpoint,
            "--identity", self.identity.decode(),
            "--lifeline", str(lifeline.reader),
            "--parent", str(os.getpid()),
        ]  # fmt: skip
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if self.log else None
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.launch.command,
                *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment(),
                cwd="/",
                pass_fds=(lifeline.reader,),
                start_new_session=True,
            )
        finally:
            if output is not None:
                os.close(output)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _CONTAMINANTS}
        device = device_variables(self.launch.device)
        ours = {"PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1", TOKEN_VARIABLE: self.token}
        return {**inherited, **self.launch.environment, **device, **ours}

    @property
    def pid(self) -> int:
        """The process id; only once started."""
        assert self._process is not None  # noqa: S101 - a programming error, not a condition
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def wait(self) -> int:
        """Wait for its end; the exit status, negative for a signal. What it had started ends too."""
        assert self._process is not None  # noqa: S101 - as above
        status = await self._process.wait()
        if not self._swept:
            # Once only: later the group's number may be another's.
            self._swept = True
            self._signal(signal.SIGKILL)
        return status

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and all it has started."""
        if self.running:
            self._signal(number)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return  # nobody of the group is left

    async def stop(self, grace: float) -> None:
        """Give it `grace` seconds to end by itself, as many after SIGTERM, then kill it and its children."""
        if await self.ends_within(grace):
            return
        self.signal_group(signal.SIGTERM)
        # A stopped process notices SIGTERM only when it goes on.
        self.signal_group(signal.SIGCONT)
        if await self.ends_within(grace):
            return
        self.signal_group(signal.SIGKILL)
        if not await self.ends_within(grace):
            log.error("Process %d does not end even when killed: a driver holds it.", self.pid)

    async def ends_within(self, seconds: float) -> bool:
        """Wait for its end so long at most; whether it came."""
        waiting = asyncio.ensure_future(self.wait())
        try:
            done, _ = await asyncio.wait({waiting}, timeout=seconds)
        finally:
            waiting.cancel()
        return bool(done)
