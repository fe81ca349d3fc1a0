"""What a person sees while stages run: live bars on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from orchestrator.cli.news import News, kind_of
from orchestrator.gpu.events import Event, Waiting
from orchestrator.launcher import workers_of
from orchestrator.runner import StageReport
from shared_schema.errors import WorkerError
from shared_schema.messages import EngineInfo, Progress
from shared_schema.stages import Stage

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = ["LiveDisplay", "PlainDisplay", "SilentDisplay", "make_display"]


class SilentDisplay:
    """Shows nothing: for `--json`."""

    def chosen(self, stage: Stage, engine: EngineInfo, why: str) -> None:
        """Show nothing."""

    def progressed(self, stage: Stage, progress: Progress) -> None:
        """Show nothing."""

    def repeated(self, stage: Stage, attempt: int, why: WorkerError) -> None:
        """Show nothing."""

    def finished(self, report: StageReport) -> None:
        """Show nothing."""

    def happened(self, event: Event) -> None:
        """Show nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class PlainDisplay(SilentDisplay):
    """A line when a stage begins and one when it ends: for logs and pipes."""

    def __init__(self) -> None:
        self._news = News(lambda line: click.echo(line, err=True))

    def chosen(self, stage: Stage, engine: EngineInfo, why: str) -> None:
        """Say which engine was taken."""
        click.echo(f"{stage:<9} {engine.title}: {why}", err=True)

    def repeated(self, stage: Stage, attempt: int, why: WorkerError) -> None:
        """Say why it begins again."""
        click.echo(f"{stage:<9} attempt {attempt}: {why.message}", err=True)

    def finished(self, report: StageReport) -> None:
        """Say how long it took."""
        click.echo(f"{report.stage:<9} done in {report.seconds:.1f} s", err=True)

    def happened(self, event: Event) -> None:
        """Say what is worth it of devices and workers."""
        self._news.hear(event)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._news.close()


class LiveDisplay(SilentDisplay):
    """A bar for each running stage, with the remaining time; a line for each that is done."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - see orchestrator.cli
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        self._bars: Bars = Progress(
            TextColumn("{task.description:<9}"),
            TextColumn("{task.fields[phase]:<20}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._rows: dict[Stage, TaskID] = {}
        self._news = News(lambda line: self._bars.console.print(line, style="dim", markup=False))

    def chosen(self, stage: Stage, engine: EngineInfo, why: str) -> None:
        """Begin a bar; in place of the stage's own, where it was broken off and begins again."""
        if stage in self._rows:
            self._bars.remove_task(self._rows.pop(stage))
        self._bars.console.print(
            f"[bold]{stage:<9}[/bold] {engine.title}: {why}", markup=True, soft_wrap=True
        )
        self._rows[stage] = self._bars.add_task(stage, total=None, phase="starting")

    def progressed(self, stage: Stage, progress: Progress) -> None:
        """Move a bar."""
        self._bars.update(
            self._rows[stage], completed=progress.done, total=progress.total or None, phase=progress.phase
        )

    def repeated(self, stage: Stage, attempt: int, why: WorkerError) -> None:
        """Say why it begins again, and begin its bar again."""
        self._bars.console.print(f"{stage:<9} attempt {attempt}: {why.message}", markup=False)
        self._bars.update(self._rows[stage], completed=0, total=None, phase="starting again")

    def finished(self, report: StageReport) -> None:
        """Replace a bar by a line."""
        self._bars.remove_task(self._rows.pop(report.stage))
        self._bars.console.print(f"{report.stage:<9} done in {report.seconds:.1f} s", style="dim")

    def happened(self, event: Event) -> None:
        """Say what is worth it above the bars; a stage that waits says so in its bar."""
        self._news.hear(event)
        if isinstance(event, Waiting):
            for stage, row in self._rows.items():
                if event.worker in workers_of(stage):
                    self._bars.update(row, phase=f"waits for {kind_of(event.device)}")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._news.close()
        self._bars.stop()


def make_display(*, as_json: bool, verbose: bool) -> SilentDisplay:
    """The display that fits where stderr goes; log lines and live bars would garble each other."""
    if as_json:
        return SilentDisplay()
    return LiveDisplay() if sys.stderr.isatty() and not verbose else PlainDisplay()
