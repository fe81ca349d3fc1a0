"""`avatar plan`: in which order a GPU would do these jobs, and what that costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options

if TYPE_CHECKING:
    from orchestrator.gpu.judgement import Judgement

__all__ = ["plan"]

# ruff: noqa: PLC0415 - see orchestrator.cli

MOST_TURNS = 20
"""Lines of the order that people are shown."""


@click.command(short_help="Show in which order a GPU would do many jobs.")
@click.option(
    "--simulate", type=options.file_path, metavar="FILE", help="The jobs, one JSON object a line; - is stdin."
)
@click.option(
    "--mode",
    type=click.Choice(["exclusive", "budget"]),
    default="exclusive",
    show_default=True,
    help="One worker owns the GPU, or as many as fit.",
)
@click.option(
    "--memory",
    type=click.FloatRange(0.1, 10_000),
    metavar="GB",
    help="What the workers may hold. [default: 24, or what these jobs need]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else.")
def plan(simulate: Path | None, mode: str, memory: float | None, as_json: bool) -> None:
    """Put jobs through the GPU's plan in virtual time: nothing is started, no GPU is needed.

    The plan stands beside the same jobs first come first served, and beside what no order can go
    below. {} is a job of typical engines; docs/howto/judge-the-plan.md says what else may stand
    on a line, and what is assumed.
    """
    from orchestrator.gpu import workload
    from orchestrator.gpu.judgement import judge
    from orchestrator.gpu.profiles import Mode

    if simulate is None:
        raise click.UsageError("Say which jobs are to be planned: --simulate jobs.jsonl.")
    judgement = judge(workload.read(simulate), Mode(mode), None if memory is None else round(memory * 1e9))
    if as_json:
        import json

        click.echo(json.dumps(_plain(judgement)))
    else:
        click.echo("\n".join([_heading(judgement), "", *_order(judgement), "", *_table(judgement)]))


def _plain(judgement: Judgement) -> dict[str, Any]:
    planned, first_come = judgement.planned, judgement.first_come
    return {
        "jobs": judgement.jobs,
        "mode": judgement.mode.value,
        "memory_gb": judgement.memory / 1e9,
        "hand_overs": planned.hand_overs,
        "first_come": first_come.hand_overs,
        "bound": judgement.least_hand_overs,
        "makespan_s": _rounded(planned.makespan),
        "first_come_makespan_s": _rounded(first_come.makespan),
        "bound_makespan_s": _rounded(judgement.least_makespan),
        "longest_wait_hand_overs": planned.longest_wait,
        "first_come_longest_wait_hand_overs": first_come.longest_wait,
        "mean_finish_s": _rounded(planned.mean_finish),
        "first_come_mean_finish_s": _rounded(first_come.mean_finish),
        "order": [
            {
                "at_s": _rounded(turn.at),
                "worker": turn.worker,
                "tasks": turn.tasks,
                "seconds": _rounded(turn.seconds),
            }
            for turn in planned.tenures
        ],
    }


def _rounded(seconds: float) -> float:
    """To the microsecond: what adding has lost is not shown."""
    return round(seconds, 6)


def _heading(judgement: Judgement) -> str:
    tasks = len(judgement.planned.tasks)
    return (
        f"{_count(judgement.jobs, 'job')}, {_count(tasks, 'task')}; a GPU of {judgement.memory / 1e9:.1f} GB,"
        f" {'one owner at a time' if judgement.mode == 'exclusive' else 'as many owners as fit'}"
    )


def _order(judgement: Judgement) -> list[str]:
    turns = judgement.planned.tenures
    lines = [
        f"{turn.at:>11.1f} s  {turn.worker:<8} {_count(turn.tasks, 'task'):>13}, {turn.seconds:>9.1f} s"
        for turn in turns[:MOST_TURNS]
    ]
    return lines + ([f"{'… ' + str(len(turns) - MOST_TURNS) + ' more':>15}"] if turns[MOST_TURNS:] else [])


def _table(judgement: Judgement) -> list[str]:
    planned, first_come = judgement.planned, judgement.first_come
    rows = [
        ("", "plan", "first come", "lower bound"),
        ("hand-overs", f"{planned.hand_overs}", f"{first_come.hand_overs}", f"{judgement.least_hand_overs}"),
        ("makespan", *map(_seconds, (planned.makespan, first_come.makespan, judgement.least_makespan))),
        ("longest wait in hand-overs", f"{planned.longest_wait}", f"{first_come.longest_wait}", ""),
        ("mean time to finish", *map(_seconds, (planned.mean_finish, first_come.mean_finish)), ""),
        ("longest time to finish", *map(_seconds, (planned.worst_finish, first_come.worst_finish)), ""),
    ]
    return [f"{what:<28}{ours:>14}{theirs:>14}{least:>14}".rstrip() for what, ours, theirs, least in rows]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"
