"""`avatar portraits`: are pictures fit for lip-sync?"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.job import Job
    from orchestrator.runner import StageReport
    from shared_schema.errors import PhotoError
    from shared_schema.messages import FileRef
    from shared_schema.stages import FaceOutcome, FaceParams, Finding

__all__ = ["portraits"]

# ruff: noqa: PLC0415 - see orchestrator.cli

_MOST_NAME = 40
"""Characters of a file's name that the table shows."""

_LEAST_REASON = 20
"""Characters of a reason that it shows, however narrow the terminal."""


@click.group(short_help="Are pictures fit for lip-sync?")
def portraits() -> None:
    """Portraits: are they fit for lip-sync?"""


@portraits.command(short_help="Look at photos, and say what to do.")
@click.argument("photos", type=options.file_path, nargs=-1, required=True, metavar="PHOTO...")
@click.option(
    "-o", "--output", type=options.file_path, metavar="FILE", help="Write the annotated picture here (.png)."
)
@click.option("--face", type=click.IntRange(1, 64), metavar="N", help="Which face, from the left.")
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else.")
@click.option("-v", "--verbose", is_flag=True, help="Show workers' logs and tracebacks.")
def check(photos: tuple[Path, ...], output: Path | None, **given: Any) -> None:
    """Look at the face in each PHOTO as lip-sync needs it: number, size, pose, mouth, eyes, sharpness, light.

    Scores go from 0 to 100. The exit status is 0 where all are fit, else 2. Of several photos a table is
    printed, the best first.
    """
    from orchestrator.cli.session import drive
    from orchestrator.cli.setup import ensure
    from orchestrator.launcher import worker_of
    from orchestrator.output import Target
    from shared_schema.stages import FaceParams, Stage

    if output is not None and len(photos) > 1:
        raise click.UsageError("With -o one photo is checked at a time.")
    target = Target(output, (".png",), force=given["force"]) if output is not None else None
    ensure(worker_of(Stage.FACE, None), quiet=given["as_json"])
    copies: list[FileRef] = []
    checked: list[_Checked] = []

    def prepare(job: Job) -> None:
        copies.extend(options.add_several(job, "portrait", photos).values())

    async def work(session: Session) -> str:
        params = FaceParams(given["face"], check=True)
        for photo, copy in zip(photos, copies, strict=True):
            checked.append(await _look(session, photo, copy, params, alone=len(photos) == 1))
        if target is not None:
            report = checked[0].report
            assert report is not None  # noqa: S101 - alone, its error is raised
            target.publish(session.job.path(report.files["annotated"]))
        return _summary(checked, output, as_json=given["as_json"])

    drive(work, prepare=prepare, as_json=given["as_json"], verbose=given["verbose"])
    _refuse_unfit(checked)


@dataclass(frozen=True)
class _Checked:
    """A photo with what was found, or with the error that it is no picture."""

    photo: Path
    report: StageReport | None = None
    error: PhotoError | None = None

    @property
    def outcome(self) -> FaceOutcome | None:
        from shared_schema.stages import FaceOutcome

        outcome = self.report.outcome if self.report is not None else None
        return outcome if isinstance(outcome, FaceOutcome) else None

    @property
    def findings(self) -> list[Finding]:
        """What is not good, the worst first."""
        from shared_schema.stages import Finding, Verdict

        if self.outcome is None:
            return [Finding("picture", Verdict.BAD, str(self.error))]
        notable = [finding for finding in self.outcome.findings if finding.verdict is not Verdict.GOOD]
        return sorted(notable, key=lambda finding: finding.verdict is not Verdict.BAD)

    @property
    def fit(self) -> bool:
        from shared_schema.stages import Verdict

        return all(finding.verdict is not Verdict.BAD for finding in self.findings)

    @property
    def score(self) -> float:
        return self.outcome.score if self.outcome is not None else 0.0


async def _look(session: Session, photo: Path, copy: FileRef, params: FaceParams, *, alone: bool) -> _Checked:
    """Have one photo checked. Among several one that is no picture is a row of the table, not the end."""
    from shared_schema.errors import PhotoError
    from shared_schema.stages import Stage

    try:
        report = await session.runner.run(Stage.FACE, params, {"portrait": copy})
    except PhotoError as error:
        if alone:
            raise
        return _Checked(photo, error=error)
    return _Checked(photo, report)


def _summary(checked: Sequence[_Checked], output: Path | None, *, as_json: bool) -> str:
    if as_json:
        return _as_json(checked, output)
    if len(checked) > 1:
        return _table(checked)
    (one,) = checked
    lines = [f"{one.score:.0f} of 100"]
    lines += [f"{finding.verdict:<5} {finding.words}" for finding in one.findings]
    lines.append(_in_words(one))
    return "\n".join([*lines, *([str(output)] if output is not None else [])])


def _in_words(one: _Checked) -> str:
    return "fit for lip-sync" if one.fit else "not fit for lip-sync"


def _table(checked: Sequence[_Checked]) -> str:
    """A line for each photo: score, name, verdict, the first reason; the best first."""
    distinct = len({one.photo.name for one in checked}) == len(checked)
    names = {one.photo: (one.photo.name if distinct else str(one.photo))[-_MOST_NAME:] for one in checked}
    width = max(map(len, names.values()))
    columns = shutil.get_terminal_size().columns
    lines = []
    for one in sorted(checked, key=lambda one: -one.score):
        begin = f"{one.score:>3.0f}  {names[one.photo]:<{width}}  {'fit' if one.fit else 'unfit':<5}  "
        reason = one.findings[0].words if one.findings else ""
        room = max(columns - len(begin), _LEAST_REASON)
        lines.append((begin + textwrap.shorten(reason, room, placeholder=" ...")).rstrip())
    return "\n".join(lines)


def _as_json(checked: Sequence[_Checked], output: Path | None) -> str:
    """The same as an object, the photos in the order in which they were named."""
    import json

    import msgspec

    photos = [
        {
            "photo": str(one.photo),
            "fit": one.fit,
            "score": one.score,
            "findings": msgspec.to_builtins(one.outcome.findings if one.outcome else one.findings),
            "outcome": msgspec.to_builtins(one.outcome),
        }
        for one in checked
    ]
    return json.dumps({"output": str(output) if output else None, "photos": photos}, ensure_ascii=False)


def _refuse_unfit(checked: Sequence[_Checked]) -> None:
    """FaceError where any is unfit: the command's last line, and its exit status."""
    from shared_schema.errors import FaceError

    unfit = [one for one in checked if not one.fit]
    if len(checked) == 1 and unfit:
        raise FaceError(unfit[0].findings[0].words)
    if unfit:
        raise FaceError(
            f"{len(unfit)} of {len(checked)} photos are not fit for lip-sync.",
            "The reasons stand beside them.",
        )
