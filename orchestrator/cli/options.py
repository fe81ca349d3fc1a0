"""Options and value types that several commands share."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared_schema import limits
from shared_schema.errors import TextError

if TYPE_CHECKING:
    from orchestrator.job import Job
    from shared_schema.messages import FileRef

__all__ = [
    "BACKGROUND",
    "FRAME_RATE",
    "SEED",
    "BackgroundType",
    "Decorator",
    "FrameRateType",
    "accept_license",
    "add_several",
    "common",
    "engine",
    "file_path",
    "picture",
    "portrait",
    "read_text",
    "speech",
    "together",
    "video",
    "video_out",
]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_NTSC = {"23.976": 24, "23.98": 24, "29.97": 30, "59.94": 60, "119.88": 120}
"""Rates that people write in decimals but mean as N*1000/1001 (SMPTE 170M)."""


class FrameRateType(click.ParamType[Fraction]):
    """Frames a second: "25", "29.97" (which is 30000/1001), or a fraction."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Parse; fails with a usage error outside of the limits."""
        if isinstance(value, Fraction):
            return value
        try:
            rate = Fraction(_NTSC[value] * 1000, 1001) if value in _NTSC else Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a frame rate such as 25, 29.97 or 30000/1001.", param, ctx)
        if not limits.MIN_FRAME_RATE <= rate <= limits.MAX_FRAME_RATE or rate.denominator > 1_000_000:
            self.fail(
                f"{value} is not between {limits.MIN_FRAME_RATE} and {limits.MAX_FRAME_RATE}.", param, ctx
            )
        return rate


_COLOURS = {
    "black": "#000000",
    "blue": "#0000ff",
    "gray": "#808080",
    "green": "#008000",
    "grey": "#808080",
    "lime": "#00ff00",
    "navy": "#000080",
    "red": "#ff0000",
    "silver": "#c0c0c0",
    "white": "#ffffff",
}
"""Some of the names of CSS Color 4, 6.1: "green" is the dark one, the green of a green screen is "lime"."""


class BackgroundType(click.ParamType[str]):
    """What stands behind the person: "keep", "blur", or a colour as "#rrggbb", "#rgb" or one of a few names.

    It becomes lower case, a colour "#rrggbb".
    """

    name = "background"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Parse; fails with a usage error for what is none of them."""
        word = str(value).strip().lower()
        if word in {"keep", "blur"}:
            return word
        colour = _COLOURS.get(word, word)
        if short := re.fullmatch("#([0-9a-f])([0-9a-f])([0-9a-f])", colour):
            colour = "#" + "".join(2 * digit for digit in short.groups())
        if not re.fullmatch("#[0-9a-f]{6}", colour):
            names = ", ".join(_COLOURS)
            self.fail(
                f"{value!r} is not keep, blur, a colour such as #00ff00, or one of {names}.", param, ctx
            )
        return colour


BACKGROUND = BackgroundType()
FRAME_RATE = FrameRateType()
SEED = click.IntRange(0, 2**63 - 1)

file_path = click.Path(path_type=Path)


def together(*options: Decorator) -> Decorator:
    """One decorator for several options, shown in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def engine(flag: str, name: str, stage: str, *, envvar: str | None = None) -> Decorator:
    """An option that names the engine of a stage."""
    words = f"Engine of this stage; see `avatar stage {stage} --list-engines`."
    return click.option(flag, name, metavar="ENGINE", envvar=envvar, help=words)


speech = together(
    click.option("--text", help="What to say."),
    click.option(
        "--text-file", type=file_path, metavar="FILE", help="Read it from a UTF-8 file; - is stdin."
    ),
    click.option(
        "--voice",
        type=file_path,
        metavar="FILE",
        multiple=True,
        help="A recording of the voice to follow; give several for a better likeness.",
    ),
    click.option("--speaker", default="", metavar="NAME", help="One of the engine's own voices."),
    click.option(
        "--language", default="en", show_default=True, help="Language of the text; auto finds it out."
    ),
    click.option(
        "--speed", type=click.FloatRange(0.5, 2.0), default=1.0, show_default=True, help="Speaking rate."
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(0.01, 2.0),
        help="How freely a neural voice speaks. [default: as its model says]",
    ),
)

portrait = click.option(
    "--portrait",
    type=file_path,
    metavar="FILE",
    help="A photo, or a video whose mouth is to be replaced. [default: the sample]",
)

accept_license = click.option(
    "--accept-license", "accepted", multiple=True, metavar="NAME", help="Accept the terms of these weights."
)

picture = together(
    click.option(
        "--size",
        type=click.IntRange(limits.MIN_SIZE, limits.MAX_SIZE),
        help="Short side of the picture in pixels. [default: 512, or less for a small photo]",
    ),
    click.option(
        "--aspect",
        type=click.Choice(["photo", "1:1", "16:9", "9:16"]),
        default="photo",
        show_default=True,
        help="Shape of the picture, cut around the face.",
    ),
    click.option("--face", type=click.IntRange(1, 64), metavar="N", help="Which face, from the left."),
    click.option(
        "--background",
        type=BACKGROUND,
        default="keep",
        show_default=True,
        metavar="COLOUR",
        help="keep, blur, or a colour to set behind the person: white, or #00ff00.",
    ),
)

video = together(
    click.option("--fps", type=FRAME_RATE, help="Frames a second. [default: 25, or the video's own]"),
    click.option("--no-blink", is_flag=True, help="Keep the eyes open."),
    click.option("--no-sway", is_flag=True, help="Keep the head still."),
)

video_out = together(
    click.option("-o", "--output", type=file_path, metavar="FILE", help="The video (.mp4)."),
    click.option(
        "--stream",
        "stream_to",
        type=file_path,
        metavar="FILE",
        help="In place of -o: send the video here while it is made, in fragments (.mp4); - is stdout.",
    ),
)

common = together(
    click.option("--seed", type=SEED, default=0, show_default=True, help="Same seed, same result."),
    click.option("--force", is_flag=True, help="Overwrite the output."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else."),
    click.option("-v", "--verbose", is_flag=True, help="Show workers' logs and tracebacks."),
)


def add_several(job: Job, role: str, paths: Sequence[Path]) -> dict[str, FileRef]:
    """Copy the files of a role that may have several into a job: role, role-2 and so on."""
    roles = [role, *(f"{role}-{number}" for number in range(2, len(paths) + 1))]
    return {name: job.add_file(name, path) for name, path in zip(roles, paths, strict=False)}


def read_text(text: str | None, text_file: Path | None) -> str:
    """The text to say: what was given, the file's content, or the sample.

    Raises TextError where both or an unreadable file were given.
    """
    from orchestrator.job import read_text_file  # noqa: PLC0415 - see orchestrator.cli

    if text is not None and text_file is not None:
        raise TextError("Both --text and --text-file were given.", "Give one of them.")
    if text is not None:
        return text
    if text_file is None:
        return (Path(__file__).parents[1] / "samples" / "hello.txt").read_text(encoding="utf-8")
    if str(text_file) == "-":
        return sys.stdin.buffer.read(limits.MAX_TEXT_BYTES + 1).decode("utf-8", errors="surrogateescape")
    return read_text_file(text_file)
