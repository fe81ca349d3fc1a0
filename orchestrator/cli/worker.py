"""`avatar worker`: one worker in the foreground, to watch it or to step through it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from orchestrator.cli import options

__all__ = ["worker"]

# ruff: noqa: PLC0415 - see orchestrator.cli

WORKERS = ("tts", "tts-fork", "vision", "lipsync")


@click.command(short_help="Run one worker in the foreground.")
@click.argument("name", type=click.Choice(WORKERS))
@click.option("--request", type=options.file_path, metavar="FILE", help="Run the one task in this JSON file.")
@click.option("--pdb", is_flag=True, help="With --request: stop in the engine, in the debugger.")
def worker(name: str, request: Path | None, pdb: bool) -> None:
    """Run a worker with its log on the terminal, until Ctrl-C.

    With --request it runs one task without an orchestrator and prints the result as JSON;
    docs/howto/debug-a-worker.md shows such a file.
    """
    from orchestrator.cli.setup import ensure

    if pdb and request is None:
        raise click.UsageError("--pdb needs --request: it stops in that task.")
    ensure(name)
    if request is None:
        _watch(name)
    else:
        _run_request(name, request, pdb=pdb)


def _run_request(name: str, request: Path, *, pdb: bool) -> None:
    import os

    import msgspec

    from orchestrator.cli.placement import placement
    from orchestrator.launcher import command_of
    from orchestrator.process import device_variables

    leased = placement().of(name)
    profile = msgspec.json.encode(leased.settings.profile).decode()
    command = [*command_of(name), "--request", str(request.absolute()), "--profile", profile]
    environment = {**os.environ, **device_variables(leased.device.uuid)}
    status = subprocess.run([*command, *(["--pdb"] if pdb else [])], env=environment, check=False).returncode
    raise click.exceptions.Exit(status if status >= 0 else 128 - status)


def _watch(name: str) -> None:
    import asyncio

    from orchestrator.cli.placement import placement
    from orchestrator.launcher import launch
    from orchestrator.supervisor import Supervisor

    async def watch() -> None:
        async with Supervisor(placement().bind(launch), foreground=True) as supervisor:
            handle, hello = await supervisor.worker(name)
            engines = ", ".join(engine.title for engine in hello.engines)
            click.echo(
                f"{name} worker, process {hello.pid}, Python {hello.python}: {engines}. Ctrl-C ends it."
            )
            await handle.ended()

    asyncio.run(watch())
