"""What a stage has done, in words: the fields of its outcome, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.runner import StageReport

__all__ = ["summary"]

# ruff: noqa: PLC0415 - see orchestrator.cli

_LISTS = ("advice", "drawn", "findings")
"""Fields of outcomes of which each entry is a line."""


def summary(reports: list[StageReport], output: Path | None, *, as_json: bool) -> str:
    """The last stage's outcome, field by field, then the file; with `as_json` what all of them did."""
    import msgspec

    from orchestrator.cli.session import report_as_json

    if as_json:
        return report_as_json(reports, output)
    outcome = msgspec.to_builtins(reports[-1].outcome)
    lines = [
        f"{field:<12} {_in_words(each)}"
        for field, value in outcome.items()
        # Sentences and pictures each on a line; nothing where there is nothing to say.
        for each in (value if field in _LISTS else [value] if value not in ("", []) else [])
        if field != "type"
    ]
    return "\n".join([*lines, *([str(output)] if output is not None else [])])


def _in_words(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " ".join(_in_words(item) for item in value)
    if isinstance(value, dict) and "words" in value:
        return f"{value['verdict']} {value['words']}"
    if isinstance(value, dict):
        told = f"score {value['score']:.0f}" if not value["faults"] else " ".join(value["faults"])
        return f"seed {value['seed']}: {told}"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
