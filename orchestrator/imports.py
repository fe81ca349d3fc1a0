"""What a package imports, beside what it is declared to need: read from its sources, none of it run.

    sources ──ast──> imported modules ──who brings them──> distributions <── compared with what is declared

For a package whose own metadata is dead (Coqui TTS), what is declared stands in our pyproject.toml.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared_schema.errors import InputError

__all__ = ["Findings", "check", "declared_by"]


@dataclass(frozen=True)
class Findings:
    """Distributions by name, sorted; `missing` are modules, each with the file that imports it.

    `missing` fail at the package's import; those in `optional` are tried for, or imported inside a function.
    `unused` may still be needed: plug-ins and dictionaries are found by other ways than an import.
    """

    undeclared: list[str]
    missing: list[str]
    optional: list[str]
    unused: list[str]


@dataclass(frozen=True)
class _Import:
    module: str
    file: str
    sure: bool


def declared_by(pyproject: Path, package: str) -> list[str]:
    """The requirements that a pyproject.toml's `dependency-metadata` gives a package; empty without any."""
    settings = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    entries = settings.get("tool", {}).get("uv", {}).get("dependency-metadata", [])
    found = [entry["requires-dist"] for entry in entries if _plain(entry["name"]) == _plain(package)]
    return [str(requirement) for requirement in found[0]] if found else []


def check(site: Path, package: str, declared: Sequence[str] = ()) -> Findings:
    """Compare what an installed package imports with what is declared, else with its own metadata.

    `site` is an environment's site-packages. InputError where the package is not in it.
    """
    distributions = {
        _plain(found.metadata["Name"]): found for found in importlib.metadata.distributions(path=[str(site)])
    }
    own = distributions.get(_plain(package))
    if own is None:
        raise InputError(f"{package} is not installed in {site}.")
    brought = _who_brings(distributions)
    wanted = {_name(each) for each in declared or own.requires or [] if "extra ==" not in each}
    inside = _modules(own)
    outside = [each for each in _imports(own, site) if each.module not in inside]
    used = {name for each in outside for name in brought.get(each.module, ())}
    absent = [each for each in outside if each.module not in brought and not (site / each.module).exists()]
    return Findings(
        undeclared=sorted(used - wanted - {_plain(package)}),
        missing=_listed(each for each in absent if each.sure),
        optional=_listed(each for each in absent if not each.sure),
        unused=sorted(wanted - used),
    )


def _imports(package: importlib.metadata.Distribution, site: Path) -> Iterator[_Import]:
    """The top-level modules that a package's sources import, without those of Python itself."""
    for file in package.files or []:
        path = site / file
        if path.suffix != ".py" or not path.is_file():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its escapes, which are no concern of ours
            tree = ast.parse(path.read_bytes(), filename=str(path))
        for node, sure in _statements(tree, sure=True):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            if isinstance(node, ast.ImportFrom) and node.level:
                continue
            for name in names:
                module = name.partition(".")[0]
                if module not in sys.stdlib_module_names:
                    yield _Import(module, str(file), sure)


def _statements(node: ast.AST, *, sure: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Import statements, and whether each runs when its module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, sure
        else:
            lazy = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Try | ast.If)
            yield from _statements(child, sure=sure and not lazy)


def _who_brings(distributions: dict[str, importlib.metadata.Distribution]) -> dict[str, set[str]]:
    """Names of distributions by the modules that they install."""
    brought: dict[str, set[str]] = {}
    for name, distribution in distributions.items():
        for module in _modules(distribution):
            brought.setdefault(module, set()).add(name)
    return brought


def _modules(distribution: importlib.metadata.Distribution) -> set[str]:
    """The top-level modules of a distribution, by the files that it installed."""
    found = set()
    for file in distribution.files or []:
        first = file.parts[0]
        if len(file.parts) > 1 and not first.endswith((".dist-info", ".data", "..")):
            found.add(first)
        elif first.endswith((".py", ".so")):
            found.add(first.partition(".")[0])
    return found


def _listed(imports: Iterator[_Import]) -> list[str]:
    first: dict[str, str] = {}
    for each in imports:
        first.setdefault(each.module, each.file)
    return [f"{module} ({file})" for module, file in sorted(first.items())]


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return _plain(match[0]) if match else ""


def _plain(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()
