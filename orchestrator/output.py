"""Where a result goes: checked before any work, and put there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from pathlib import Path

from shared_schema.errors import OutputError

__all__ = ["Target"]

_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)
"""What link(2) says across file systems, and on those without hard links."""


class Target:
    """A file that a command will write. `suffixes` are the endings it may have, the first the usual one."""

    def __init__(self, path: Path, suffixes: tuple[str, ...], *, force: bool) -> None:
        """Check that the result can be put there; OutputError if not."""
        self.path = path
        self._force = force
        if path.suffix.lower() not in suffixes:
            raise OutputError(
                f"The output {path} must end in {' or '.join(suffixes)}.",
                f"Name it {path.stem}{suffixes[0]}.",
            )
        folder = path.absolute().parent
        if not folder.is_dir():
            raise OutputError(f"The output folder {folder} does not exist.", f"Create it: mkdir -p {folder}")
        if path.is_dir():
            raise OutputError(f"The output {path} is a folder.", "Name a file.")
        if path.exists() and not force:
            raise self._exists()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"The output folder {folder} is not writable.", "Choose another with -o.")

    def publish(self, source: Path) -> None:
        """Put a finished file there in one step; a reader never sees half of it."""
        partial = self.path.absolute().with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            _place(source, partial)
            if self._force:
                partial.replace(self.path)
            else:
                self._claim(partial)
        except FileExistsError:
            raise self._exists() from None
        except OSError as error:
            raise OutputError(
                f"The output {self.path} could not be written: {error.strerror}.", "Choose another with -o."
            ) from error
        finally:
            partial.unlink(missing_ok=True)

    def grow(self) -> int:
        """Make the file, empty, for a result that is read while it grows; its descriptor.

        Nobody else's file is taken for it: one that was there is removed with `force`, an error without.
        """
        try:
            if self._force:
                self.path.unlink(missing_ok=True)
            return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            raise self._exists() from None
        except OSError as error:
            raise OutputError(f"The output {self.path} could not be made: {error.strerror}.") from error

    def _claim(self, partial: Path) -> None:
        try:
            # Unlike a rename, a link never overwrites what appeared meanwhile.
            os.link(partial, self.path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if self.path.exists():
                raise self._exists() from error
            partial.rename(self.path)

    def _exists(self) -> OutputError:
        return OutputError(f"The output {self.path} exists already.", "Give --force to overwrite it.")


def _place(source: Path, target: Path) -> None:
    """Link where both are on one file system, copy where not; either way the bytes are on disk after."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
