"""An environment is ready only if it is what its lock says; looking costs nothing and says what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.environments import ENVIRONMENTS, KINDS, ROOT, Environment, State, digest, sync
from shared_schema import STAMP_NAME
from shared_schema.errors import EnvironmentMissing, InputError


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A tts environment that looks as set-up leaves it, base packages in it."""
    folder = tmp_path / "tts-py311"
    made = Environment("tts", folder, "3.11", folder / ".venv")
    (made.venv / "bin").mkdir(parents=True)
    for kind in ("base", "test", "neural"):
        made.lock(kind).write_text(f"{kind}==1\n")
    made.python_path.symlink_to(sys.executable)
    (made.venv / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.11.7\n")
    stamp(made)
    return made


def stamp(environment: Environment, kind: str = "base", **changes: str) -> None:
    content = {
        "lock": digest(environment.lock(kind)),
        "kind": kind,
        "python": "3.11.7",
        "venv": str(environment.venv),
        "root": str(ROOT),
    }
    (environment.venv / STAMP_NAME).write_text(json.dumps({**content, **changes}))


def complaint(environment: Environment) -> EnvironmentMissing:
    with pytest.raises(EnvironmentMissing) as caught:
        environment.require()
    return caught.value


def test_one_that_follows_its_lock_is_ready(environment: Environment) -> None:
    environment.require()
    assert environment.describe() == "ready: base, Python 3.11.7"


def test_one_that_is_not_there_names_the_command_that_makes_it(environment: Environment) -> None:
    error = complaint(environment.elsewhere(environment.folder / "nowhere"))
    assert str(error) == "The tts environment is not set up. Run `avatar envs sync tts`."


def test_the_orchestrators_own_is_made_by_make(tmp_path: Path) -> None:
    error = complaint(ENVIRONMENTS["orchestrator"].elsewhere(tmp_path / "nowhere"))
    assert error.hint == "Run `make setup`."


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_without_a_whole_stamp_it_was_not_set_up_to_the_end(environment: Environment, content: str) -> None:
    (environment.venv / STAMP_NAME).write_text(content)
    assert complaint(environment).message == "The tts environment was not set up to the end."


def test_it_goes_stale_when_its_lock_changes(environment: Environment) -> None:
    environment.lock().write_text("base==2\n")
    assert environment.installed().state is State.STALE
    assert "from another lock" in complaint(environment).message


def test_a_change_of_another_lock_does_not_concern_it(environment: Environment) -> None:
    environment.lock("neural").write_text("neural==2\n")
    environment.require()


def test_a_wrong_interpreter_is_refused_in_one_sentence(environment: Environment) -> None:
    (environment.venv / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.1\n")
    error = complaint(environment)
    assert error.message == "The tts environment runs Python 3.12.1 but needs 3.11."
    assert environment.installed().state is State.BROKEN


def test_a_longer_version_of_the_same_beginning_is_another_version(environment: Environment) -> None:
    (environment.venv / "pyvenv.cfg").write_text("version_info = 3.110.1\n")
    assert "needs 3.11." in complaint(environment).message


def test_one_whose_interpreter_was_removed_is_noticed(environment: Environment) -> None:
    environment.python_path.unlink()
    environment.python_path.symlink_to(environment.folder / "gone")
    assert complaint(environment).message == "The interpreter of the tts environment is gone."


@pytest.mark.parametrize("key", ["venv", "root"])
def test_one_that_was_moved_is_noticed(environment: Environment, key: str) -> None:
    stamp(environment, **{key: "/elsewhere"})
    assert "was made for another folder" in complaint(environment).message


def test_a_neural_one_serves_as_the_base_and_not_the_other_way_round(environment: Environment) -> None:
    assert environment.is_ready("base")
    assert not environment.is_ready("neural")
    stamp(environment, "neural")
    assert environment.is_ready("base")
    assert environment.is_ready("neural")


def test_the_digest_told_at_the_handshake_is_that_of_the_lock_installed(environment: Environment) -> None:
    stamp(environment, "neural")
    assert environment.lock_digest() == digest(environment.lock("neural"))
    assert environment.lock_digest() != digest(environment.lock("base"))


def test_an_unknown_name_or_kind_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InputError, match="orchestrator, tts, tts-fork, vision, lipsync"):
        sync(["speech"])
    with pytest.raises(InputError, match="has no dev lock"):
        sync(["tts"], "dev", force=True)


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS.keys())
def test_every_environment_has_its_locks_and_says_its_python(environment: Environment) -> None:
    assert {"base"} < set(environment.kinds) <= set(KINDS)
    project = (environment.folder / "pyproject.toml").read_text()
    minor = int(environment.python.partition(".")[2])
    assert f'requires-python = ">=3.{minor},<3.{minor + 1}"' in project


def test_looking_runs_nothing() -> None:
    """The module that could start a process is not even imported."""
    code = """
import sys
from orchestrator.environments import ENVIRONMENTS
for environment in ENVIRONMENTS.values():
    environment.installed()
print([name for name in ("subprocess", "orchestrator.installer") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
