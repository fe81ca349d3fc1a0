"""Options of neural lip-sync engines: which part of the face they replace, and how it is made to fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.options import Decorator, together

if TYPE_CHECKING:
    from shared_schema.stages import Dubbing

__all__ = ["MASKS", "VERSIONS", "dubbing", "dubbing_of"]

# ruff: noqa: PLC0415 - see orchestrator.cli

MASKS = ("landmarks", "v1.5", "v1")
"""As `shared_schema.stages` names them, which is not imported for a help text; a test compares them."""

VERSIONS = ("v1.5", "v1")

dubbing: Decorator = together(
    click.option(
        "--mask",
        type=click.Choice(MASKS),
        default="landmarks",
        show_default=True,
        help="Which part of the face a neural engine replaces.",
    ),
    click.option(
        "--sharpen",
        type=click.FloatRange(0.0, 1.0),
        default=0.0,
        show_default=True,
        metavar="X",
        help="Sharpen the new mouth beyond what fits around it.",
    ),
    click.option("--no-match", is_flag=True, help="Leave colours and sharpness as the network made them."),
    click.option("--no-gate", is_flag=True, help="Let the network move the mouth in silence too."),
    click.option(
        "--musetalk",
        "version",
        type=click.Choice(VERSIONS),
        help="MuseTalk's version. [default: the best here]",
    ),
    click.option(
        "--shift",
        type=click.IntRange(-64, 64),
        default=0,
        show_default=True,
        metavar="PIXELS",
        help="Move MuseTalk v1's box down (its bbox_shift).",
    ),
    click.option("--compat", is_flag=True, help="What the published MuseTalk makes, its faults included."),
)


def dubbing_of(given: dict[str, Any]) -> Dubbing:
    """From `dubbing`."""
    from shared_schema.stages import Dubbing, Mask

    return Dubbing(
        version=given["version"] or "",
        mask=Mask(given["mask"]),
        shift=given["shift"],
        gate=not given["no_gate"],
        match=not given["no_match"],
        sharpen=given["sharpen"],
        compat=given["compat"],
    )
