"""The documents say what the program says, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.cli_reference import REFERENCE, render

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(page for page in (ROOT / "envs").rglob("*.md") if ".venv" not in page.parts),
]
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
FENCE = re.compile(r"```.*?```", re.DOTALL)


def test_the_command_line_s_reference_is_the_program_s_own() -> None:
    assert REFERENCE.read_text() == render(), "run `python -m tests.support.cli_reference`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        link for link in LINK.findall(FENCE.sub("", page.read_text())) if not (page.parent / link).exists()
    ]
    assert broken == []
