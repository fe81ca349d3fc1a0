"""`avatar plan --simulate`, as people and programs call it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.gpu.workload import ENGINES, PASSAGES

AVATAR = Path(sys.executable).with_name("avatar")
PAGE = (Path(__file__).parents[3] / "docs/howto/judge-the-plan.md").read_text()


def avatar(*arguments: str, given: str = "", status: int = 0) -> str:
    done = subprocess.run(
        [AVATAR, "plan", *arguments], input=given, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_json_is_one_object_of_figures(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text("{}\n{}\n{}\n")
    report = json.loads(avatar("--simulate", str(path), "--json"))
    assert (report["hand_overs"], report["first_come"], report["bound"]) == (2, 6, 2)
    assert report["makespan_s"] == 71.9
    assert report["first_come_makespan_s"] == 80.7
    assert report["bound_makespan_s"] <= report["makespan_s"]
    assert (report["jobs"], report["mode"], report["longest_wait_hand_overs"]) == (3, "exclusive", 1)
    assert report["order"][0] == {"at_s": 0.0, "worker": "tts", "tasks": 3, "seconds": 12.0}


def test_people_see_the_order_and_a_table_in_80_columns() -> None:
    shown = avatar("--simulate", "-", given="".join(f'{{"arrives_s": {600 * n}}}\n' for n in range(90)))
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    assert "90 jobs, 270 tasks; a GPU of 24.0 GB, one owner at a time" in lines
    assert "… 250 more" in shown
    assert "hand-overs" in shown
    assert len(lines) < 35


def test_mode_and_memory_choose_the_device() -> None:
    options = ("--simulate", "-", "--json", "--mode", "budget", "--memory")
    assert json.loads(avatar(*options, "18.3", given="{}\n{}"))["hand_overs"] == 0
    assert json.loads(avatar(*options, "16", given="{}\n{}"))["hand_overs"] == 1


@pytest.mark.parametrize(
    ("arguments", "given", "complaint"),
    [
        ((), "", "Say which jobs are to be planned: --simulate jobs.jsonl."),
        (("--simulate", "-"), "", "stdin holds no job"),
        (("--simulate", "-"), '{}\n{"second": {}}', "stdin, line 2: Object contains unknown field `second`"),
        (("--simulate", "-", "--memory", "8"), "{}", "Give more with --memory."),
    ],
)
def test_what_cannot_be_is_said_in_one_line(arguments: tuple[str, ...], given: str, complaint: str) -> None:
    said = avatar(*arguments, given=given, status=2)
    assert complaint in said
    assert said.count("\n") == 1


def test_the_page_shows_what_the_command_prints() -> None:
    (printf,) = re.findall(r"^printf '%s\\n' (.*) > jobs.jsonl$", PAGE, re.MULTILINE)
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert avatar("--simulate", "-", given="\n".join(shlex.split(printf))) == shown


def test_the_page_says_what_is_assumed() -> None:
    for stage, engine in ENGINES.items():
        assert f"`{stage}` {engine.peak / 1e9:.1f}" in PAGE
    for worker, passage in PASSAGES.items():
        (row,) = re.findall(rf"^\| .*`{worker}`.* \| {passage.load:g} s \| (.*) \|$", PAGE, re.MULTILINE)
        assert row == f"{passage.on:g} s | {passage.off:g} s"
