"""`avatar trace`: a job's time as a picture that Perfetto shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options

if TYPE_CHECKING:
    from orchestrator.output import Target

__all__ = ["trace"]

# ruff: noqa: PLC0415 - see orchestrator.cli


@click.command(short_help="Show where a job's time went.")
@click.argument("job", required=False)
@click.option(
    "-o", "--output", type=options.file_path, metavar="FILE", help="The trace (.json); - is stdout."
)
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("--list", "listing", is_flag=True, help="List the jobs whose journals are kept.")
def trace(job: str | None, output: Path | None, force: bool, listing: bool) -> None:
    """Write what happened in JOB as a trace, which https://ui.perfetto.dev opens.

    JOB is an id, the beginning of one, or `last`. The trace shows which worker did what, which
    waited, and who owned the device when.
    """
    from orchestrator import journal
    from orchestrator.output import Target

    if listing:
        if job is not None or output is not None:
            raise click.UsageError("--list stands alone.")
        for path in journal.newest():
            click.echo(_describe(path))
        return
    if job is None or output is None:
        raise click.UsageError("Name a job and give -o: avatar trace last -o trace.json")
    target = None if str(output) == "-" else Target(output, (".json",), force=force)
    _write(job, target)


def _write(job: str, target: Target | None) -> None:
    import tempfile

    from orchestrator import journal
    from orchestrator.trace import render
    from shared_schema.errors import OutputError

    data = render(*journal.read(journal.find(job)))
    if target is None:
        click.echo(data)
        return
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        try:
            file.write(data)
            file.flush()
        except OSError as error:
            raise OutputError(f"The trace could not be written to {file.name}: {error.strerror}.") from error
        target.publish(Path(file.name))
    click.echo(f"{target.path}: open it in https://ui.perfetto.dev")


def _describe(path: Path) -> str:
    """One line: id, when, how long, how it ended, what was run."""
    from orchestrator import journal
    from orchestrator.words import duration
    from shared_schema.errors import InputError

    try:
        header, events = journal.read(path)
        ending = journal.ending(path)
    except InputError as error:
        return f"{path.stem:<16}  {error.message}"
    if ending is not None:
        seconds, outcome = ending.seconds, ending.outcome
    else:
        seconds = events[-1].at if events else 0.0
        outcome = "running" if journal.is_running(path) else "killed"
    when = header.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"{header.job:<16}  {when}  {duration(seconds):>11}  {outcome:<9}  {header.title}"
