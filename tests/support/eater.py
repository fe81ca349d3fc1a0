"""A process that takes memory when told, itself or in a child, and gives it back."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import Self

MIB = 1 << 20


class Eater:
    """The test's hold on such a process. A context manager: left, the process and its child are gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self._answer()

    def take(self, mib: int) -> None:
        """Take so many MiB, and write to every page."""
        self._tell(f"take {mib}")

    def give_back(self) -> None:
        """Give all of them back."""
        self._tell("take 0")

    def beget(self, mib: int) -> int:
        """Have a child that takes as much; its process id."""
        return int(self._tell(f"beget {mib}"))

    def end(self) -> None:
        """End it and wait for its end."""
        self._process.communicate(timeout=60)

    def _tell(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.end()


def main() -> None:
    child: Eater | None = None
    held = bytearray()
    print("ready", flush=True)
    for line in sys.stdin:
        verb, mib = line.split()
        if verb == "take":
            held = bytearray(int(mib) * MIB)
            held[::4096] = b"x" * len(held[::4096])
            print(len(held), flush=True)
        else:
            child = Eater()
            child.take(int(mib))
            print(child.pid, flush=True)
    if child is not None:
        child.end()


if __name__ == "__main__":
    main()
