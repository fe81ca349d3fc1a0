"""What set-up shows on stderr: a live bar on a terminal, plain lines elsewhere, nothing when quiet.

    [#######-------------] 1/4 tts: Python 3.11.7, 14 packages, 12 s, fetching scipy 33.7 MiB and 2 more

Standard library only and Python 3.9: the bootstrap uses it before any environment exists.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing import Self

__all__ = ["SetupProgress"]

WIDTH = 20
"""Characters in the bar."""

_DOWNLOADING = re.compile(r"\s*Downloading (\S+) \(([\d.]+)([KMG]?)i?B\)")
_DOWNLOADED = re.compile(r"\s*Downloaded (\S+)")
_UNITS = {"": 1 / 2**20, "K": 1 / 2**10, "M": 1.0, "G": 2.0**10}
"""MiB in a unit of uv's."""


class SetupProgress:
    """The progress of setting up `total` environments. A context manager: left, the live line is gone."""

    def __init__(self, total: int, stream: TextIO, *, quiet: bool = False) -> None:
        self._total = total
        self._stream = stream
        self._quiet = quiet
        self._live = not quiet and stream.isatty()
        self._done = 0
        self._began = time.monotonic()
        self._words = ""
        self._coming: dict[str, float] = {}  # MiB of the downloads under way
        self._arrived = 0.0
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        noun = "environment" if self._total == 1 else "environments"
        self._print(f"Setting up {self._total} {noun}; later runs start at once.")
        if self._live:
            self._clock.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._over.set()
            self._clock.join()
            self._stream.write("\r\x1b[2K")
        if error is None:
            self._print(f"Ready after {time.monotonic() - self._began:.0f} s.")

    def say(self, words: str) -> None:
        """What goes on now: "tts: Python 3.11.7, 24 packages"."""
        self.note(words)
        if not self._live:
            self._print(f"[{self._done + 1}/{self._total}] {words}")

    def note(self, words: str) -> None:
        """What goes on now, if there is a live line to show it: of no interest afterwards."""
        with self._guard:
            self._words = words
            self._coming.clear()
            self._arrived = 0.0
        self._draw()

    def hear(self, line: str) -> None:
        """A line of uv's: it names the larger downloads as they begin and end."""
        begins, ends = _DOWNLOADING.match(line), _DOWNLOADED.match(line)
        with self._guard:
            if begins:
                self._coming[begins[1]] = float(begins[2]) * _UNITS[begins[3]]
            elif ends:
                self._arrived += self._coming.pop(ends[1], 0.0)
        if begins or ends:
            self._draw()

    def finish_one(self) -> None:
        """One environment is ready."""
        with self._guard:
            self._done += 1
        self.note(self._words)

    def _tick(self) -> None:
        """Redraw every second: a large download says nothing for minutes."""
        while not self._over.wait(1.0):
            self._draw()

    def _draw(self) -> None:
        if not self._live:
            return
        with self._guard:
            filled = min(WIDTH, int(self._share() * WIDTH))
            bar = f"[{'#' * filled}{'-' * (WIDTH - filled)}] {self._done}/{self._total} {self._words}"
            line = f"{bar}, {time.monotonic() - self._began:.0f} s{self._downloads()}"
            # One column is left free: a full line would wrap and could not be taken back.
            self._stream.write(f"\r\x1b[2K{line[: shutil.get_terminal_size().columns - 1]}")
            self._stream.flush()

    def _share(self) -> float:
        known = self._arrived + sum(self._coming.values())
        return (self._done + (self._arrived / known if known else 0.0)) / self._total

    def _downloads(self) -> str:
        if not self._coming:
            return ""
        largest = max(self._coming, key=lambda name: self._coming[name])
        more = f" and {len(self._coming) - 1} more" if len(self._coming) > 1 else ""
        return f", fetching {largest} {self._coming[largest]:.1f} MiB{more}"

    def _print(self, line: str) -> None:
        if not self._quiet:
            self._stream.write(f"{line}\n")
            self._stream.flush()
