"""`avatar status`: what the devices and the runs on this machine do now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from orchestrator.words import duration, size

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.overview import Machine, Overview, Run, Seen
    from orchestrator.statusfile import DeviceStatus

__all__ = ["status"]

# ruff: noqa: PLC0415 - see orchestrator.cli

WIDTH = 80
HEAD = 9
"""Columns of a line's first word."""
BETWEEN_LOOKS = 0.5
"""Seconds between two pictures of `--watch`."""


@click.command(short_help="Show what the device and the workers do now.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--watch", is_flag=True, help="Go on showing it, until Ctrl-C.")
def status(as_json: bool, watch: bool) -> None:
    """Show the device, its free memory and profile, and each run that is under way.

    Of a run: who owns the device, who waits for it, and each worker's process, memory and phase.
    What a worker holds is measured, on the device that it uses.
    """
    from orchestrator.overview import Machine

    if as_json and watch:
        raise click.UsageError("--json and --watch exclude each other.")
    machine = Machine(os.environ)
    if watch:
        _watch(machine)
    elif as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(machine.look())))
    else:
        click.echo("\n".join(_lines(machine.look())))


def _watch(machine: Machine) -> None:
    """Redraw until Ctrl-C, which is how it is meant to end."""
    import time

    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def picture() -> Text:
        return Text("\n".join(_lines(machine.look())))

    with Live(picture(), console=Console(highlight=False), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(BETWEEN_LOOKS)
                live.update(picture(), refresh=True)
        except KeyboardInterrupt:
            return


def _lines(now: Overview) -> Iterator[str]:
    for device in now.devices:
        yield from _device_lines(device)
    if not now.runs:
        yield ""
        yield "No run is under way."
    for run in now.runs:
        yield ""
        yield from _run_lines(run, now.at)


def _device_lines(device: Seen) -> Iterator[str]:
    yield from _row("device", device.name if device.kind == "RAM" else f"{device.name}, {device.uuid}")
    yield from _row("memory", f"{size(device.free)} of {size(device.total)} free now")
    yield from _row("profile", f"{device.profile}, lease {device.lease}, release by {device.release}")
    yield from _row("", device.why)


def _run_lines(run: Run, now: datetime) -> Iterator[str]:
    status = run.status
    yield from _row("run", status.title)
    yield from _row("", f"process {status.pid}, for {_since(status.started, now)}")
    for device in status.devices:
        yield from _lease_lines(device, now)
    for worker, held in zip(status.workers, run.seen, strict=True):
        holds = "" if held.bytes is None else size(held.bytes)
        doing = f"{worker.doing} for {_since(worker.since, now)}" if held.alive else "its process is gone"
        yield from _row(worker.name, f"process {worker.pid:<8} {holds:>8}  {doing}")


def _lease_lines(device: DeviceStatus, now: datetime) -> Iterator[str]:
    budget = f"budget {size(device.budget)}, profile {device.profile}"
    if not device.owners:
        yield from _row(device.kind, f"nobody owns it; {budget}")
    for owner in device.owners:
        since = _since(owner.since, now)
        yield from _row(
            device.kind, f"{owner.worker} owns it for {since}, up to {size(owner.bytes)}; {budget}"
        )
    for waiter in device.waiting:
        since = _since(waiter.since, now)
        yield from _row("", f"{waiter.worker} waits for {size(waiter.needs)} for {since}")


def _row(head: str, text: str) -> Iterator[str]:
    """A word and what is to be said under it, wrapped."""
    import textwrap

    inner = " " * (HEAD + 1)
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{head:<{HEAD}} ",
        subsequent_indent=inner,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [head]


def _since(then: datetime, now: datetime) -> str:
    return duration((now - then).total_seconds())
