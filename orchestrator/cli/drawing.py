"""Options of portraits that are drawn from a prompt: what they are called, and what they become."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from orchestrator.cli.options import Decorator, add_several, file_path, together
from shared_schema.errors import InputError

if TYPE_CHECKING:
    from orchestrator.job import Job
    from orchestrator.output import Target
    from shared_schema.messages import FileRef
    from shared_schema.stages import Drawing

__all__ = ["LORA", "Lora", "LoraType", "add_inputs", "drawing", "drawing_of", "several", "targets"]

# ruff: noqa: PLC0415 - see orchestrator.cli


class Lora(NamedTuple):
    """A LoRA file, and how strongly it counts."""

    path: Path
    scale: float


class LoraType(click.ParamType[Lora]):
    """A LoRA file, and behind a colon how strongly it counts: "film.safetensors:0.8"; 1 without."""

    name = "lora"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Lora:
        """Parse; fails with a usage error where the scale is beyond -4 to 4."""
        if isinstance(value, Lora):
            return value
        path, colon, number = str(value).rpartition(":")
        try:
            scale = float(number) if colon else None
        except ValueError:
            scale = None
        if scale is None:  # the colon, if any, is part of the name
            return Lora(Path(value), 1.0)
        if not -4 <= scale <= 4:
            self.fail(f"{number} is not a scale between -4 and 4.", param, ctx)
        return Lora(Path(path), scale)


LORA = LoraType()
STYLES = ("portrait", "studio", "natural", "painted", "none")
SCHEDULERS = ("auto", "euler", "euler-a", "ddim", "dpm++", "dpm++-karras", "unipc", "lcm", "lightning")
"""As `shared_schema.stages` names them, which is not imported for a help text; a test compares them."""

drawing: Decorator = together(
    click.option("--prompt", metavar="TEXT", help="Draw the portrait: say who. With a photo, from it."),
    click.option("--negative", default="", metavar="TEXT", help="What not to draw."),
    click.option(
        "--style",
        type=click.Choice(STYLES),
        default="portrait",
        show_default=True,
        help="Added to the prompt, so that the face is fit for lip-sync; none adds nothing.",
    ),
    click.option(
        "--steps", type=click.IntRange(1, 200), metavar="N", help="Steps. [default: the checkpoint's own]"
    ),
    click.option(
        "--guidance",
        type=click.FloatRange(0.0, 30.0),
        metavar="X",
        help="How strictly to follow the prompt. [default: the checkpoint's own]",
    ),
    click.option(
        "--scheduler",
        type=click.Choice(SCHEDULERS),
        default="auto",
        show_default=True,
        metavar="NAME",
        help=f"How noise becomes a picture: {', '.join(SCHEDULERS)}.",
    ),
    click.option(
        "--strength",
        type=click.FloatRange(0.05, 1.0),
        default=0.5,
        show_default=True,
        metavar="X",
        help="How far to go away from the photo.",
    ),
    click.option(
        "--tries",
        type=click.IntRange(1, 32),
        default=4,
        show_default=True,
        metavar="N",
        help="Most seeds to draw for a picture that is fit for lip-sync.",
    ),
    click.option(
        "--checkpoint",
        default="",
        envvar="AVATAR_CHECKPOINT",
        metavar="PATH",
        help="An SDXL checkpoint of yours: a folder, or a .safetensors file.",
    ),
    click.option("--refine", is_flag=True, help="Let SDXL's refiner make the last steps."),
    click.option(
        "--lora", type=LORA, multiple=True, metavar="FILE[:X]", help="A LoRA file, X as strongly as meant."
    ),
)

several: Decorator = together(
    click.option(
        "--count",
        type=click.IntRange(1, 16),
        default=1,
        show_default=True,
        metavar="N",
        help="Draw so many, the best first, and a contact sheet beside them.",
    ),
    click.option(
        "--preview",
        type=file_path,
        metavar="FILE",
        help="Keep a small picture (.jpg) of what is being drawn here.",
    ),
)


def drawing_of(given: dict[str, Any]) -> Drawing:
    """From `drawing` and `several`. InputError for what makes sense with a prompt only."""
    from shared_schema.stages import Drawing, Scheduler, Style

    wanted = Drawing(
        negative=_utf8(given["negative"], "negative prompt"),
        style=Style(given["style"]),
        steps=given["steps"],
        guidance=given["guidance"],
        scheduler=Scheduler(given["scheduler"]),
        strength=given["strength"],
        count=given.get("count", 1),
        tries=given["tries"],
        checkpoint=_absolute(_utf8(given["checkpoint"], "path of the checkpoint")),
        refine=given["refine"],
        lora_scales=[lora.scale for lora in given["lora"]],
        preview=given.get("preview") is not None,
    )
    if given["prompt"] is None:
        _refuse_drawing(wanted)
    return wanted


def _refuse_drawing(wanted: Drawing) -> None:
    """InputError for the first wish that is not the usual one. A checkpoint may come from the environment."""
    from shared_schema.stages import Drawing

    for name in Drawing.__struct_fields__:
        if name != "checkpoint" and getattr(wanted, name) != getattr(Drawing(), name):
            option = "lora" if name == "lora_scales" else name
            raise InputError(f"--{option} is for portraits that are drawn.", "Say with --prompt who to draw.")


def _utf8(text: str, noun: str) -> str:
    """A text as it was given. InputError where it cannot be sent to a worker."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"The {noun} is not UTF-8 text.") from error
    return text


def add_inputs(job: Job, given: dict[str, Any]) -> dict[str, FileRef]:
    """Put prompt and LoRA files into a job: roles prompt, lora, lora-2 and so on."""
    found: dict[str, FileRef] = {}
    if given["prompt"] is not None:
        found["prompt"] = job.add_text(given["prompt"], "prompt")
    return found | add_several(job, "lora", [lora.path for lora in given["lora"]])


def targets(output: Path, given: dict[str, Any]) -> dict[str, Target]:
    """Where the pictures go, by role. OutputError where one of them cannot be put there."""
    from orchestrator.output import Target

    names = {"portrait": output.name}
    if given["count"] > 1:
        names |= {f"portrait-{n}": f"{output.stem}-{n}{output.suffix}" for n in range(2, given["count"] + 1)}
        names["sheet"] = f"{output.stem}-sheet.jpg"
    suffixes = {"sheet": (".jpg",)}
    return {
        # Not with_name, which is at a loss where the output is "." or "/".
        role: Target(output.parent / name, suffixes.get(role, (".png",)), force=given["force"])
        for role, name in names.items()
    }


def _absolute(checkpoint: str) -> str:
    """As the worker, which runs in another folder, must read it."""
    # Not pathlib's expanduser, which raises where there is no such user.
    return os.path.abspath(os.path.expanduser(checkpoint)) if checkpoint.strip() else ""  # noqa: PTH100, PTH111
