"""`avatar stage track`: a face followed through a video, to look at it or to use just that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options
from orchestrator.cli.outcome import summary

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.job import Job
    from shared_schema.messages import FileRef

__all__ = ["track"]

# ruff: noqa: PLC0415 - see orchestrator.cli


@click.command(short_help="Follow the face through a video.")
@click.argument("clip", type=options.file_path)
@click.option(
    "--face", type=click.IntRange(1, 64), metavar="N", help="Which face, from the left where a scene begins."
)
@click.option("-o", "--output", type=options.file_path, metavar="FILE", help="Write all landmarks (.npz).")
@options.common
def track(clip: Path, output: Path | None, **given: Any) -> None:
    """Follow the face in CLIP: in how many frames it is seen, how many scenes there are, and its landmarks.

    Those are in pixels of the video scaled down so that no side is longer than 960.
    """
    from orchestrator.cli.session import drive
    from orchestrator.cli.setup import ensure
    from orchestrator.output import Target
    from orchestrator.pipeline import follow
    from shared_schema.stages import ClipParams

    target = Target(output, (".npz",), force=given["force"]) if output is not None else None
    ensure("vision", "lipsync", quiet=given["as_json"])
    copies: list[FileRef] = []

    def prepare(job: Job) -> None:
        copies.append(job.add_file("clip", clip))

    async def work(session: Session) -> str:
        reports = await follow(session.runner, copies[0], ClipParams(), given["face"])
        if target is not None:
            target.publish(session.job.path(reports[-1].files["track"]))
        return summary(reports, output, as_json=given["as_json"])

    drive(work, prepare=prepare, seed=given["seed"], as_json=given["as_json"], verbose=given["verbose"])
