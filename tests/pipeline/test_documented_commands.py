"""Every command that the documents show, run as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.conftest import AVATAR, PATIENCE, ROOT, Home, Talk

FENCE = re.compile(r"```(sh|json)\n(.*?)```", re.DOTALL)
PAGES = [
    "README.md",
    "docs/tutorial.md",
    "docs/howto/debug-a-worker.md",
    "docs/howto/see-what-the-gpu-does.md",
    "docs/howto/judge-the-plan.md",
    "docs/howto/weights.md",
    "docs/howto/dub-a-face.md",
]
ELSEWHERE = {
    "avatar status --watch",  # runs until Ctrl-C: tests/orchestrator/test_status.py
    "avatar worker tts",  # runs until Ctrl-C: test_interrupt.py
    "avatar worker tts --request /tmp/debug/task.json --pdb",  # asks a person: test_stages.py
}
"""What another test runs."""


def blocks(page: str, kind: str) -> list[str]:
    return [body for language, body in FENCE.findall((ROOT / page).read_text()) if language == kind]


def commands(page: str) -> list[str]:
    lines = (line.partition(" #")[0].strip() for block in blocks(page, "sh") for line in block.splitlines())
    return [line for line in lines if line and line not in ELSEWHERE]


@pytest.fixture
def checkout(talk: Talk, pictures: Path, tmp_path: Path) -> Path:
    """A folder that looks like the checkout, with the files that the documents speak of beside it."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("Makefile", "orchestrator", "shared_schema", "envs", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(pictures / "me.jpg", folder / "me.jpg")
    shutil.copy(talk.speech, folder / "me.wav")
    (folder / "talk.txt").write_text("This is my talk.")
    return folder


@pytest.fixture
def debugged(tmp_path: Path) -> Path:
    """The folder that the page on debugging calls /tmp/debug."""
    folder = tmp_path / "debug"
    folder.mkdir()
    (folder / "hello.txt").write_text("Hello there.")
    task = blocks("docs/howto/debug-a-worker.md", "json")[0]
    (folder / "task.json").write_text(task.replace("/tmp/debug", str(folder)))  # noqa: S108 - the page's own
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work_in_their_order(
    page: str, home: Home, checkout: Path, debugged: Path, tmp_path: Path
) -> None:
    environment = {
        **home.environment,
        "PATH": f"{AVATAR.parent}:{home.environment['PATH']}",
        "AVATAR_HOME": str(home.path),
        "HOME": str(tmp_path),
        "SHELL": "/bin/sh",
    }
    (tmp_path / ".local/state/avatar/logs").mkdir(parents=True)
    assert commands(page)
    for command in commands(page):
        run_in(checkout, environment, "sh", "-c", command.replace("/tmp/debug", str(debugged)))  # noqa: S108


def test_make_run_hands_over_texts_as_they_are(home: Home, checkout: Path) -> None:
    text = 'TEXT=It\'s "5 $HOME" & `so` $(on); done.'
    run_in(checkout, home.environment, "make", "run", text, "OUT=morning.mp4")
    assert (checkout / "morning.mp4").is_file()


def run_in(folder: Path, environment: dict[str, str], *command: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
