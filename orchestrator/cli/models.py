"""`avatar models`: the weights of neural engines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from orchestrator.models.manifest import Model

__all__ = ["models"]

# ruff: noqa: PLC0415 - see orchestrator.cli


@click.group(short_help="Fetch and check the weights of neural engines.")
def models() -> None:
    """Weights lie in a folder each; `avatar models where` says where. Workers read safetensors only."""


@models.command(name="list", short_help="Show what there is.")
def list_() -> None:
    """Show each model: whether it is here, its size, its licence, the engines that use it."""
    from orchestrator.models.manifest import known
    from orchestrator.words import size
    from shared_schema import weights

    for name, model in known().items():
        folder = weights.find(name)
        here = sum(file.size for file in weights.read_record(folder).files.values()) if folder else 0
        state = f"here, {size(here)}" if folder else f"to fetch, {size(model.bytes)}"
        engines = ", ".join(model.engines)
        click.echo(f"{name:<13} {state:<18} {model.licence:<14} {engines}")


@models.command(short_help="Fetch from the hub.")
@click.argument("names", nargs=-1)
@click.option(
    "--accept-license", "accepted", multiple=True, metavar="NAME", help="Accept this model's terms."
)
@click.option("--packages", is_flag=True, help="Also install the packages that run them.")
def fetch(names: tuple[str, ...], accepted: tuple[str, ...], packages: bool) -> None:
    """Fetch the named models; what broke off is gone on with.

    Without a name: the usual ones, but for those whose licence you do not accept. HF_ENDPOINT names a
    mirror, HF_TOKEN a token.
    """
    from orchestrator.environments import sync
    from orchestrator.models.manifest import named, usual
    from shared_schema import weights
    from shared_schema.errors import LicenceRefused

    needed: dict[str, None] = {}
    for name in names or usual():
        model = named(name)
        try:
            accept(name, model, accepted)
        except LicenceRefused as refusal:
            if names:
                raise
            click.echo(f"Left out: {refusal}", err=True)
            continue
        if weights.find(name) is None:
            _fetch(name, model)
        click.echo(str(weights.find(name)))
        needed |= dict.fromkeys(model.packages)
    if packages and needed:
        sync(list(needed), kind="neural")


@models.command(name="import", short_help="Take from a folder.")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--accept-license", "accepted", multiple=True, metavar="NAME", help="Accept this model's terms."
)
def import_(name: str, folder: Path, accepted: tuple[str, ...]) -> None:
    """Take a model's files from FOLDER, for machines without a network; FOLDER stays as it is."""
    import shutil

    from orchestrator.models import store
    from orchestrator.models.manifest import named

    model = named(name)
    accept(name, model, accepted)
    files = model.among(
        (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()), str(folder)
    )
    store.check_space(model, 0)
    with store.partial_folder(name, kept=False) as partial:
        for path in files:
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / path, partial / path)
        click.echo(str(store.finish(name, model, partial, "imported", _tell)))


@models.command(short_help="Check that nothing has changed.")
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Compare the named models (all that are here, if none is named) with what was fetched."""
    from orchestrator.models import store
    from orchestrator.models.manifest import known
    from orchestrator.words import size
    from shared_schema import weights

    for name in names or [name for name in known() if weights.find(name)]:
        click.echo(f"{name:<14} {size(store.verify(name))}, all as it was")


@models.command(short_help="Remove from this machine.")
@click.argument("name")
def rm(name: str) -> None:
    """Remove a model's folder."""
    from orchestrator.models import store

    store.forget(name)


@models.command(short_help="Say where weights lie.")
@click.argument("name", required=False)
def where(name: str | None) -> None:
    """Print the folder of all models, or of one."""
    from orchestrator.models.manifest import named
    from shared_schema import paths

    if name is not None:
        named(name)
    click.echo(str(paths.models_dir() / name if name else paths.models_dir()))


def accept(name: str, model: Model, accepted: tuple[str, ...]) -> None:
    """See to a licence that must be accepted: as the options say, or by asking once on a terminal.

    LicenceRefused, with what there is instead, where it is not.
    """
    from shared_schema import weights
    from shared_schema.errors import LicenceRefused

    if not model.terms or weights.is_accepted(name):
        return
    if name not in accepted:
        asks = sys.stdin.isatty() and sys.stderr.isatty()
        if not asks or not click.confirm(f"{name}: {model.terms}. Do you accept?", err=True):
            raise LicenceRefused(
                f"{name} may be used only after its licence was accepted ({model.terms}).",
                f"Give `--accept-license {name}`; else {model.alternatives}.",
            )
    weights.accept_licence(name)


def accept_for(accepted: tuple[str, ...], *engines: str | None) -> None:
    """See to licences before a run: those accepted by option, those of the engines that were asked for."""
    from orchestrator.models.manifest import known, named
    from shared_schema import weights

    for name in accepted:
        accept(name, named(name), accepted)
    for name, model in known().items():
        if set(engines) & set(model.engines) and weights.find(name):
            accept(name, model, accepted)


def offer(*, gpu: bool) -> None:
    """On a machine with a GPU: one line on the weights that better engines would need."""
    from orchestrator.models.manifest import named, usual
    from orchestrator.words import size
    from shared_schema import weights

    missing = {name: named(name) for name in usual() if not weights.find(name)}
    if gpu and missing:
        total = size(sum(model.bytes for model in missing.values()))
        licences = ", ".join(f"{name} {model.licence}" for name, model in missing.items())
        click.echo(f"Neural engines: `make models` fetches {total} ({licences}).", err=True)


def _fetch(name: str, model: Model) -> None:
    from orchestrator.models import hub, store
    from orchestrator.words import size

    with store.partial_folder(name) as partial:
        commit, files = hub.look_up(model)
        total = sum(remote.size for remote in files)
        here = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
        store.check_space(model, min(here, total))
        click.echo(f"{name}: {size(total)} from {model.repository}", err=True)
        for remote in files:
            hub.download(
                model, commit, remote, partial, lambda file: _tell(f"{file.path}, {size(file.size)}")
            )
        store.finish(name, model, partial, commit, _tell)


def _tell(line: str) -> None:
    click.echo(f"  {line}", err=True)
