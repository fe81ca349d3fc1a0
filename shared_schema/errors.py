"""One error tree for orchestrator and workers. Each class has a stable code and an exit status.

A worker's error crosses the socket as `Failed(code, message, hint)`; `from_code` makes the same
class again on the other side, so an `except` clause reads the same wherever the error arose.

    status  meaning
    1       a fault of ours: an unexpected exception in an engine
    2       the input or the output place cannot be used: change it and try again
    3       something is not installed or not ready on this machine
    4       a worker died, hung, or spoke nonsense
    130     interrupted or cancelled
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AvatarError",
    "Cancelled",
    "DeviceFailed",
    "DeviceStuck",
    "DeviceTooSmall",
    "EngineFailed",
    "EngineUnavailable",
    "EngineUnknown",
    "EnvironmentMissing",
    "FaceError",
    "FetchFailed",
    "HandshakeRefused",
    "InputError",
    "LanguageUnknown",
    "LicenceRefused",
    "OutOfMemory",
    "OutputError",
    "PhotoError",
    "ProtocolError",
    "RecordingError",
    "RestartLimit",
    "RunDirectoryError",
    "TaskSetAside",
    "TextError",
    "WeightsError",
    "WorkerCrashed",
    "WorkerError",
    "WorkerHung",
    "from_code",
]


class AvatarError(Exception):
    """Base of the tree. `message` says what is wrong in one line, `hint` what to do about it."""

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "", *, traceback: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class EngineFailed(AvatarError):
    """Raised when an engine stopped with an exception that nobody foresaw."""

    code = "engine-failed"


class InputError(AvatarError):
    """Raised when what the user gave cannot be used."""

    code = "bad-input"
    exit_status = 2


class TextError(InputError):
    """Raised when the text is empty, unspeakable or too long."""

    code = "bad-text"


class LanguageUnknown(InputError):
    """Raised when the engine does not speak the language asked for; the message names those it does."""

    code = "unknown-language"


class RecordingError(InputError):
    """Raised when a recording is missing, unreadable, silent, too short or too long."""

    code = "bad-recording"


class PhotoError(InputError):
    """Raised when a picture is missing, unreadable or too large."""

    code = "bad-photo"


class FaceError(InputError):
    """Raised when a picture holds no face, several, or one that cannot be animated."""

    code = "bad-face"


class EngineUnknown(InputError):
    """Raised when no engine has the name asked for; the message lists those that exist."""

    code = "unknown-engine"


class OutputError(InputError):
    """Raised when the result cannot be put where the user wants it."""

    code = "bad-output"


class WeightsError(InputError):
    """Raised when weights are damaged, incomplete, or hold what is no tensor."""

    code = "bad-weights"


class LicenceRefused(InputError):
    """Raised when weights may be used only after their licence was accepted, and it was not."""

    code = "licence-refused"


class EnvironmentMissing(AvatarError):
    """Raised when a worker's environment is not set up, stale, or has the wrong interpreter."""

    code = "environment-missing"
    exit_status = 3


class FetchFailed(AvatarError):
    """Raised when weights cannot be had: no network, no such revision, no permission, no space."""

    code = "fetch-failed"
    exit_status = 3


class EngineUnavailable(AvatarError):
    """Raised when an engine exists but lacks its packages, weights or device."""

    code = "engine-unavailable"
    exit_status = 3


class RunDirectoryError(AvatarError):
    """Raised when the run directory cannot be made, locked, or named by a socket."""

    code = "run-directory"
    exit_status = 3


class DeviceTooSmall(AvatarError):
    """Raised when an engine needs more memory than the device, or the budget, has at all."""

    code = "device-too-small"
    exit_status = 3


class DeviceStuck(AvatarError):
    """Raised when memory of a device is not given back, by an ended process or by another program."""

    code = "device-stuck"
    exit_status = 3


class OutOfMemory(AvatarError):
    """Raised when an engine asked for more memory than there was, on the host or on the GPU."""

    code = "out-of-memory"
    exit_status = 3


class WorkerError(AvatarError):
    """Base of what goes wrong with a worker process."""

    code = "worker-failed"
    exit_status = 4


class WorkerCrashed(WorkerError):
    """Raised when a worker's process ended without being asked to."""

    code = "worker-crashed"


class WorkerHung(WorkerError):
    """Raised when a worker made no progress within its phase's deadline."""

    code = "worker-hung"


class DeviceFailed(WorkerError):
    """Raised when the GPU's driver failed a worker: its process is ended, since its context is lost."""

    code = "device-failed"


class RestartLimit(WorkerError):
    """Raised when a worker died so often in so short a time that it is not started again."""

    code = "restart-limit"


class TaskSetAside(WorkerError):
    """Raised when one task has killed its worker as often as it may."""

    code = "task-set-aside"


class ProtocolError(WorkerError):
    """Raised when bytes on the socket are not a message of this schema."""

    code = "protocol"


class HandshakeRefused(WorkerError):
    """Raised when a worker's schema, name or interpreter is not the one expected."""

    code = "handshake-refused"


class Cancelled(AvatarError):
    """Raised inside `Engine.run` when its task was cancelled, and by whoever waits for it."""

    code = "cancelled"
    exit_status = 130


def _tree(base: type[AvatarError]) -> dict[str, type[AvatarError]]:
    found = {base.code: base}
    for child in base.__subclasses__():
        found.update(_tree(child))
    return found


_BY_CODE = _tree(AvatarError)


def from_code(code: str, message: str, hint: str = "", traceback: str = "") -> AvatarError:
    """The error that `code` names; an unknown code becomes `EngineFailed`, its message kept."""
    return _BY_CODE.get(code, EngineFailed)(message, hint, traceback=traceback)
