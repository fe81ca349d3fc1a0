"""Writes docs/reference/cli.md from the program itself: `python -m tests.support.cli_reference`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from orchestrator.cli import avatar

REFERENCE = Path(__file__).parents[2] / "docs/reference/cli.md"
HEADING = """# The command line

Written from the program by `python -m tests.support.cli_reference`; a test compares the two.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | a fault of ours: an engine stopped with an exception that nobody foresaw |
| 2 | the input, an option, or the output's place cannot be used: change it and try again |
| 3 | something is not installed or not ready on this machine |
| 4 | a worker died, hung, or spoke nonsense |
| 130, 143 | ended by Ctrl-C, by SIGTERM |
"""


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], f"{path} {name}")


def _help(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
    context.help_option_names = ["-h", "--help"]
    return command.get_help(context)


def render() -> str:
    """The whole page."""
    parts = [HEADING]
    for path, command in _commands(avatar, "avatar"):
        parts.append(f"## `{path}`\n\n```text\n{_help(path, command)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    REFERENCE.write_text(render())
