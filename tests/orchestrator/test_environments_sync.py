"""Set-up does what the lock says and nothing else; real uv, no network: the package lies in a folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator.environments import ROOT, Environment, State, prepare
from shared_schema import paths
from shared_schema.errors import EnvironmentMissing

UV = Path(sys.executable).with_name("uv")
"""The one that the tools bring, so that none is fetched for each test."""


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place from which packages come."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("AVATAR_UV", str(UV))
    return folder


def wheel(folder: Path, name: str, version: str) -> str:
    """Put a package into the folder; the line that locks it."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        # Each version has its own length: within one second, bytecode knows its source by that alone.
        archive.writestr(f"{name}.py", f"version = {version!r}\n" + "#" * int(version[0]))
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
        )
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def environment(tmp_path: Path, wheels: Path) -> Environment:
    """One that is not set up, with a base lock of one package and a neural lock of two."""
    folder = tmp_path / "envs" / "small"
    (folder / "small_worker").mkdir(parents=True)
    (folder / "small_worker" / "__init__.py").touch()
    made = Environment("small", folder, "3.12", folder / ".venv")
    base = wheel(wheels, "pebble", "1.0")
    made.lock("base").write_text(base)
    made.lock("neural").write_text(base + wheel(wheels, "boulder", "1.0"))
    return made


def ask(environment: Environment, code: str) -> str:
    command = [str(environment.python_path), "-P", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout.strip()


def modules(environment: Environment) -> set[str]:
    code = (
        "import importlib.util as u; print(*(n for n in ('pebble', 'boulder', 'stranger') if u.find_spec(n)))"
    )
    return set(ask(environment, code).split())


def test_packages_the_schema_and_the_worker_can_be_imported_after_it(environment: Environment) -> None:
    prepare([environment], "base", quiet=True)
    environment.require()
    answer = ask(environment, "import pebble, shared_schema, small_worker; print(shared_schema.__file__)")
    assert answer == str(ROOT / "shared_schema" / "__init__.py")
    assert modules(environment) == {"pebble"}


def test_with_nothing_to_do_it_needs_neither_uv_nor_python(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare([environment], "base", quiet=True)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("PYENV_ROOT", "/nowhere")
    prepare([environment], "base")
    assert capfd.readouterr() == ("", "")


def test_a_changed_lock_is_followed_and_strangers_go(environment: Environment, wheels: Path) -> None:
    prepare([environment], "base", quiet=True)
    packages = environment.venv / "lib/python3.12/site-packages"
    with zipfile.ZipFile(wheels / "boulder-1.0-py3-none-any.whl") as archive:
        archive.extractall(packages)
    environment.lock().write_text(wheel(wheels, "pebble", "2.0"))
    prepare([environment], "base", quiet=True)
    assert ask(environment, "import pebble; print(pebble.version)") == "2.0"
    assert modules(environment) == {"pebble"}


def test_force_removes_what_was_added_by_hand(environment: Environment, wheels: Path) -> None:
    prepare([environment], "base", quiet=True)
    with zipfile.ZipFile(wheels / "boulder-1.0-py3-none-any.whl") as archive:
        archive.extractall(environment.venv / "lib/python3.12/site-packages")
    prepare([environment], "base", quiet=True)
    assert modules(environment) == {"pebble", "boulder"}
    prepare([environment], "base", quiet=True, force=True)
    assert modules(environment) == {"pebble"}


def test_who_has_the_neural_packages_keeps_them_when_the_lock_changes(
    environment: Environment, wheels: Path
) -> None:
    prepare([environment], "neural", quiet=True)
    environment.lock("neural").write_text(wheel(wheels, "pebble", "2.0") + wheel(wheels, "boulder", "2.0"))
    prepare([environment], "base", quiet=True)
    assert environment.installed().kind == "neural"
    assert modules(environment) == {"pebble", "boulder"}


def test_a_package_with_another_hash_is_refused_and_nothing_counts_as_ready(
    environment: Environment, wheels: Path
) -> None:
    line = environment.lock().read_text()
    environment.lock().write_text(line[:-5] + ("0000\n" if line[-5:-1] != "0000" else "1111\n"))
    with pytest.raises(
        EnvironmentMissing, match="could not install the packages of the small environment"
    ) as caught:
        prepare([environment], "base", quiet=True)
    log = paths.logs_dir() / "setup-small.log"
    assert str(log) in caught.value.hint
    assert "hash" in log.read_text().lower()
    assert environment.installed().state is State.MISSING


def test_a_lock_without_hashes_is_refused(environment: Environment) -> None:
    environment.lock().write_text("pebble==1.0\n")
    with pytest.raises(EnvironmentMissing, match="hash"):
        prepare([environment], "base", quiet=True)


def test_a_wrong_interpreter_is_refused_before_anything_is_installed(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A uv that takes another interpreter than it was told to."""
    wrapper = tmp_path / "uv"
    script = f'for last; do :; done\n[ "$1" = venv ] || exec {UV} "$@"\n'
    script += f'exec {UV} venv --no-project --python {sys.executable} "$last"\n'
    wrapper.write_text(f"#!/bin/sh\n{script}")
    wrapper.chmod(0o755)
    monkeypatch.setenv("AVATAR_UV", str(wrapper))
    older = Environment("small", environment.folder, "3.11", environment.venv)
    with pytest.raises(EnvironmentMissing, match=r"runs Python 3\.12\.\d+ but needs 3\.11\."):
        prepare([older], "base", quiet=True)
    assert not list(environment.venv.rglob("pebble.py"))
    assert older.installed().state is State.MISSING


def test_a_broken_one_is_made_anew(environment: Environment) -> None:
    prepare([environment], "base", quiet=True)
    environment.python_path.unlink()
    prepare([environment], "base", quiet=True)
    assert modules(environment) == {"pebble"}


def test_of_two_at_once_one_does_the_work(environment: Environment) -> None:
    code = f"""
from pathlib import Path
from orchestrator.environments import Environment, prepare
folder = Path({str(environment.folder)!r})
prepare([Environment("small", folder, "3.12", folder / ".venv")], "base")
"""
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    output = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], output
    assert (paths.logs_dir() / "setup-small.log").read_text().count("$ uv venv") == 1
    environment.require()


def test_progress_goes_to_stderr_in_plain_lines(
    environment: Environment, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare([environment], "base")
    out, err = capfd.readouterr()
    assert out == ""
    first, second, third = err.splitlines()
    assert first == "Setting up 1 environment; later runs start at once."
    assert second.startswith("[1/1] small: Python 3.12.")
    assert second.endswith(", 1 packages")
    assert third.startswith("Ready after ")


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(
    environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentMissing, match="The small environment cannot be set up"):
        prepare([environment.elsewhere(tmp_path / "file" / ".venv")], "base", quiet=True)
