"""Locks are complete, name no address, and follow from their pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orchestrator.environments import ENVIRONMENTS, KINDS, ROOT, Environment
from orchestrator.relock import pins

LOCKS = {
    f"{name}-{kind}": (environment, kind)
    for name, environment in ENVIRONMENTS.items()
    for kind in environment.kinds
}
every_lock = pytest.mark.parametrize(("environment", "kind"), LOCKS.values(), ids=LOCKS.keys())

REQUIREMENT = re.compile(
    r"[a-z0-9][a-z0-9-]*==[A-Za-z0-9.+!]+( ; [^/@]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)


def project(environment: Environment) -> dict[str, object]:
    content: dict[str, object] = tomllib.loads((environment.folder / "pyproject.toml").read_text())["project"]
    return content


def declared(environment: Environment, kind: str) -> list[Requirement]:
    """The direct requirements that a lock is made from."""
    table = project(environment)
    extras = table.get("optional-dependencies", {})
    assert isinstance(extras, dict)
    base = table["dependencies"]
    assert isinstance(base, list)
    return [Requirement(line) for line in base + extras.get(kind, [])]


@every_lock
def test_a_lock_holds_exact_versions_with_hashes_and_nothing_else(
    environment: Environment, kind: str
) -> None:
    rest = REQUIREMENT.sub("", environment.lock(kind).read_text())
    assert rest == ""


@every_lock
def test_a_lock_names_no_address_and_no_path(environment: Environment, kind: str) -> None:
    text = environment.lock(kind).read_text()
    for sign in ("://", " @ ", "file:", "--index-url", "--find-links", "/", str(Path.home())):
        assert sign not in text


@every_lock
def test_a_lock_meets_what_its_project_asks_for(environment: Environment, kind: str) -> None:
    locked = dict(pins(environment.lock(kind)))
    for requirement in declared(environment, kind):
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not locked: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} is not {version}: run `make lock`"


@every_lock
def test_the_base_is_part_of_every_lock_with_the_same_versions(environment: Environment, kind: str) -> None:
    assert pins(environment.lock("base")) <= pins(environment.lock(kind))


@pytest.mark.parametrize("name", [name for name in ENVIRONMENTS if f"{name}-neural-test" in LOCKS])
def test_neural_engines_are_tested_with_the_versions_that_users_get(name: str) -> None:
    environment = ENVIRONMENTS[name]
    assert pins(environment.lock("neural")) <= pins(environment.lock("neural-test"))


@every_lock
def test_only_one_opencv_is_installed(environment: Environment, kind: str) -> None:
    """All of its wheels write the same folder."""
    assert len([name for name, _ in pins(environment.lock(kind)) if name.startswith("opencv")]) <= 1


def test_vision_and_lipsync_share_their_torch() -> None:
    """Hard links make the second one free, if it is the same."""
    heavy = re.compile("torch|triton|nvidia|cuda")
    first, second = (
        {pin for pin in pins(ENVIRONMENTS[name].lock("neural")) if heavy.match(pin[0])}
        for name in ("vision", "lipsync")
    )
    assert first == second != set()


def test_every_environment_speaks_with_the_same_versions() -> None:
    spoken = {"msgpack", "msgspec", "pyzmq"}
    versions = [
        {pin for pin in pins(environment.lock()) if pin[0] in spoken} for environment in ENVIRONMENTS.values()
    ]
    assert len(versions[0]) == len(spoken)
    assert all(found == versions[0] for found in versions)


def test_no_lock_lies_about_that_nobody_installs() -> None:
    folders = [ROOT, *(environment.folder for environment in ENVIRONMENTS.values())]
    found = {path for folder in set(folders) for path in folder.glob("*.lock")}
    known = {environment.lock(kind) for environment in ENVIRONMENTS.values() for kind in KINDS}
    assert found <= known


def test_no_local_python_version_is_committed() -> None:
    """A `.python-version` hides the other interpreters, and uv itself, from who uses pyenv."""
    folders = [ROOT, *(environment.folder for environment in ENVIRONMENTS.values())]
    assert [folder for folder in folders if (folder / ".python-version").exists()] == []
