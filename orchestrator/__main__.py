"""Where the `avatar` command begins: until all is imported, Ctrl-C ends it without a traceback."""

from __future__ import annotations

import signal
from typing import NoReturn

signal.signal(signal.SIGINT, signal.SIG_DFL)

from orchestrator import cli  # noqa: E402 - the line above is meant to come first

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line; exit with its status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
