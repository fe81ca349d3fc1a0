"""`avatar config`: what this machine has, and how it will be used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from orchestrator.gpu.device import Device
    from orchestrator.gpu.profiles import Settings

__all__ = ["config"]

# ruff: noqa: PLC0415 - see orchestrator.cli

WIDTH = 80
HEAD = 11
"""Columns of a line's first word."""


@click.group(short_help="Show how this machine will be used.")
def config() -> None:
    """What the pipeline finds on this machine and in its variables."""


@config.command(short_help="Show devices, profiles and variables.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(as_json: bool) -> None:
    """Show the devices, how each will be used and why, and the AVATAR_* variables in force.

    Nothing is started. docs/reference/configuration.md says what the variables mean.
    """
    from orchestrator.cli.placement import placement

    used = [(leased.device, leased.settings) for leased in placement().devices]
    if as_json:
        import json

        click.echo(json.dumps(_plain(used), indent=2))
    else:
        for device, choice in used:
            click.echo("\n".join(_device_lines(device, choice)) + "\n")
        click.echo("\n".join(_variable_lines()))


def _plain(used: list[tuple[Device, Settings]]) -> dict[str, Any]:
    import msgspec

    from orchestrator.variables import VARIABLES

    return {
        "devices": [
            {
                **msgspec.to_builtins(device),
                "profile": msgspec.to_builtins(choice.profile),
                "lease": choice.mode.value,
                "release": choice.way.value,
                "why": choice.why,
            }
            for device, choice in used
        ],
        "variables": {
            variable.name: {
                "value": os.environ.get(variable.name) or None,
                "from": "set" if os.environ.get(variable.name) else "default",
            }
            for variable in VARIABLES
        },
    }


def _device_lines(device: Device, choice: Settings) -> list[str]:
    from orchestrator.words import size

    profile = choice.profile
    capability = f", compute capability {device.capability[0]}.{device.capability[1]}"
    lines = [
        ("device", device.name if device.is_host else f"{device.name}, {device.uuid}"),
        (
            "memory",
            f"{size(device.total)} ({device.total / 2**30:.1f} GiB){'' if device.is_host else capability}",
        ),
        ("budget", f"{size(device.budget)} for all workers together"),
        ("profile", profile.name),
        ("  precision", profile.precision.value),
        ("  batch", f"{profile.batch} (frames or pictures at once)"),
        ("  tiling", "pictures are decoded in tiles" if profile.tiling else "no"),
        ("  by parts", "only the part that computes is on the device" if profile.by_parts else "no"),
        ("lease", choice.mode.value),
        ("release", choice.way.value),
        ("why", choice.why),
    ]
    return [row for head, text in lines for row in _wrapped(head, text)]


def _wrapped(head: str, text: str) -> list[str]:
    import textwrap

    rows = textwrap.wrap(text, WIDTH - HEAD - 2, break_on_hyphens=False)
    return [f"{label:<{HEAD}}  {row}" for label, row in zip([head, *[""] * len(rows)], rows, strict=False)]


def _variable_lines() -> list[str]:
    from orchestrator.variables import VARIABLES, unknown

    rows = [("variable", "from", "value")]
    for variable in VARIABLES:
        value = os.environ.get(variable.name, "")
        rows.append((variable.name, "set" if value else "default", value or variable.default))
    rows += [(name, "unknown", "no variable of this program") for name in unknown(os.environ)]
    wide = max(len(name) for name, _, _ in rows)
    return [f"{name:<{wide}}  {source:<7}  {value}" for name, source, value in rows]
