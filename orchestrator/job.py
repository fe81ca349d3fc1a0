"""A job's folder: inputs go in by copy, stages add artifacts, and in the end it is gone.

The copy makes a task a function of files that nobody else changes; their digests are its identity.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from orchestrator import locks
from shared_schema import limits, paths
from shared_schema.engine import file_reference
from shared_schema.errors import (
    InputError,
    OutputError,
    PhotoError,
    ProtocolError,
    RecordingError,
    TextError,
    WeightsError,
)
from shared_schema.messages import FileRef, Result

__all__ = ["Job", "read_text_file"]

_BOUNDS: dict[str, tuple[str, int, type[InputError]]] = {
    "text": ("text", limits.MAX_TEXT_BYTES, TextError),
    "photo": ("picture", limits.MAX_PHOTO_BYTES, PhotoError),
    "portrait": ("picture", limits.MAX_PHOTO_BYTES, PhotoError),
    "clip": ("video", limits.MAX_CLIP_BYTES, PhotoError),
    "voice": ("recording", limits.MAX_RECORDING_BYTES, RecordingError),
    "speech": ("recording", limits.MAX_RECORDING_BYTES, RecordingError),
    "timings": ("timings file", limits.MAX_RECORDING_BYTES, InputError),
    "prompt": ("prompt", limits.MAX_TEXT_BYTES, TextError),
    "lora": ("LoRA file", limits.MAX_LORA_BYTES, WeightsError),
}
"""What a role's file is called, how large it may be, and which error tells of it."""


class Job(locks.LockedFolder):
    """A folder of its own under `paths.jobs_dir()`. A context manager: left, the folder is removed."""

    def __init__(self) -> None:
        base = paths.jobs_dir()
        try:
            super().__init__(self.free_name(base))
        except OSError as error:
            raise OutputError(f"The folder for jobs {base} cannot be used: {error.strerror}.") from error
        self.id = self.folder.name
        self._sources: dict[str, Path] = {}
        self._accepted: set[Path] = set()

    def add_file(self, role: str, source: Path) -> FileRef:
        """Copy a file of the user's in. The role's InputError where it is missing, empty or too large.

        A role that may have several files counts them: voice, voice-2 and so on.
        """
        noun, bound, error_type = _BOUNDS[role.partition("-")[0]]
        target = self.folder / f"input-{role}"
        self._sources[target.name] = source
        descriptor, size = _open_input(source, noun, error_type)
        with os.fdopen(descriptor, "rb") as file:
            if size > bound:
                raise error_type(
                    f"The {noun} {source} has {size / limits.MIB:,.0f} MiB;"
                    f" at most {bound // limits.MIB} MiB are taken."
                )
            try:
                with target.open("wb") as copy:
                    shutil.copyfileobj(file, copy, limits.MIB)
            except OSError as error:
                raise OutputError(
                    f"The {noun} could not be copied to {self.folder}: {error.strerror}."
                ) from error
        return file_reference(target, self.folder)

    def add_text(self, text: str, role: str = "text") -> FileRef:
        """Put text in, as UTF-8. The role's InputError where it is too long."""
        noun, bound, error_type = _BOUNDS[role]
        data = text.encode("utf-8", errors="surrogateescape")
        if len(data) > bound:
            raise error_type(f"The {noun} has {len(data):,} bytes; at most {bound:,} are taken.")
        target = self.folder / f"input-{role}"
        try:
            target.write_bytes(data)
        except OSError as error:
            raise OutputError(f"The {noun} could not be written to {target}: {error.strerror}.") from error
        return file_reference(target, self.folder)

    def accept(self, result: Result) -> dict[str, FileRef]:
        """The artifacts of a result by name. ProtocolError where a file is not what the worker said."""
        accepted = {}
        for artifact in result.artifacts:
            path = self.path(artifact.file)
            if not path.is_file() or file_reference(path, self.folder) != artifact.file:
                raise ProtocolError(
                    f"The {artifact.name} file {path} is not the one that its worker reported."
                )
            accepted[artifact.name] = artifact.file
        self._accepted.update(self.folder / Path(kept.path).parts[0] for kept in accepted.values())
        return accepted

    def files(self) -> frozenset[Path]:
        """What is in the folder now."""
        return frozenset(self.folder.iterdir())

    def discard_since(self, before: frozenset[Path]) -> None:
        """Remove what came in since `before` and was not accepted: half files of an attempt that died."""
        for path in self.files() - before - self._accepted:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def in_users_words(self, message: str) -> str:
        """A worker's sentence with the names of the user's own files in place of the copies'."""
        # The longest first: input-voice is the beginning of input-voice-2.
        for copy, source in sorted(self._sources.items(), reverse=True):
            message = message.replace(copy, str(source))
        return message

    def path(self, reference: FileRef) -> Path:
        """Where a file of this job is."""
        return self.folder / reference.path


def _open_input(source: Path, noun: str, error_type: type[InputError]) -> tuple[int, int]:
    """Open a file of the user's for reading: its descriptor and size; `error_type` where that cannot be."""
    try:
        # Without O_NONBLOCK the opening of a named pipe would wait for ever.
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise error_type(f"There is no {noun} at {source}.", "Check the path.") from error
    except OSError as error:
        raise error_type(f"The {noun} {source} cannot be read: {error.strerror}.") from error
    status = os.fstat(descriptor)
    problem = ""
    if stat.S_ISDIR(status.st_mode):
        problem = f"{source} is a folder, not a {noun}."
    elif not stat.S_ISREG(status.st_mode):
        problem = f"{source} is not a regular file."
    elif status.st_size == 0:
        problem = f"The {noun} {source} is empty."
    if problem:
        os.close(descriptor)
        raise error_type(problem)
    return descriptor, status.st_size


def read_text_file(source: Path) -> str:
    """The content of a text file; what is not UTF-8 is kept as surrogates, for the engine to refuse."""
    noun, bound, error_type = _BOUNDS["text"]
    descriptor, size = _open_input(source, noun, error_type)
    with os.fdopen(descriptor, "rb") as file:
        if size > bound:
            raise error_type(f"The text {source} has {size:,} bytes; at most {bound:,} are taken.")
        return file.read().decode("utf-8", errors="surrogateescape")
