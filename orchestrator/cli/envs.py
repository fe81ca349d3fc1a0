"""`avatar envs`: the workers' environments."""

from __future__ import annotations

import os

import click

__all__ = ["envs"]

# ruff: noqa: PLC0415 - see orchestrator.cli

NAMES = ("tts", "tts-fork", "vision", "lipsync")
PACKAGES = {"tts": "TTS", "tts-fork": "coqui-tts"}
"""The package in each environment whose metadata is not to be trusted."""

USUAL = ("tts", "vision", "lipsync")


@click.group(short_help="Set up and enter the workers' environments.")
def envs() -> None:
    """Each worker has an environment of its own; this sets them up, lists them, enters them."""


@envs.command(short_help="Install what the locks say.")
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--neural", is_flag=True, help="With the heavy packages of the neural engines (gigabytes).")
def sync(names: tuple[str, ...], neural: bool) -> None:
    """Bring the named environments to exactly what their locks say.

    Without a name: those of the usual workers, which are all but tts-fork.
    """
    from orchestrator.environments import sync as sync_environments

    sync_environments(list(names or USUAL), kind="neural" if neural else "base", force=True)


@envs.command(short_help="Compare imports with what is declared.")
@click.argument("name", type=click.Choice(sorted(PACKAGES)))
def check(name: str) -> None:
    """Read the sources of an environment's voice package: what it imports undeclared, or misses."""
    from orchestrator.environments import ENVIRONMENTS
    from orchestrator.imports import check as check_imports
    from orchestrator.imports import declared_by

    environment, package = ENVIRONMENTS[name], PACKAGES[name]
    environment.require()
    site = environment.venv / "lib" / f"python{environment.python}" / "site-packages"
    declared = declared_by(environment.folder / "pyproject.toml", package)
    found = check_imports(site, package, declared)
    for head, names in vars(found).items():
        click.echo(f"{head}: {len(names)}")
        for each in names:
            click.echo(f"  {each}")


@envs.command(name="list", short_help="Show their state.")
def list_() -> None:
    """Show each environment: its state, its Python, its folder."""
    from orchestrator.environments import ENVIRONMENTS, ROOT

    for name in NAMES:
        environment = ENVIRONMENTS[name]
        click.echo(f"{name:<9} {environment.describe():<44} {environment.folder.relative_to(ROOT)}")


@envs.command(short_help="Open a shell in one.")
@click.argument("name", type=click.Choice(NAMES))
def shell(name: str) -> None:
    """Open your shell with this environment's Python first on the path; leave it with `exit`."""
    from orchestrator.environments import ENVIRONMENTS

    environment = ENVIRONMENTS[name]
    environment.require()
    binaries = environment.python_path.parent
    variables = {
        **os.environ,
        "VIRTUAL_ENV": str(binaries.parent),
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    variables.pop("PYTHONHOME", None)
    program = os.environ.get("SHELL", "/bin/sh")
    os.execvpe(program, [program], variables)  # noqa: S606 - the user's own shell, on purpose
