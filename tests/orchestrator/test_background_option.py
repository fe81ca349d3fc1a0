"""`--background`: three ways to say what is behind the person, and one way in which the worker is told."""

from __future__ import annotations

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.options import picture
from orchestrator.cli.params import portrait_params
from shared_schema.stages import PortraitParams


@click.command()
@picture
def command(**given: object) -> None:
    params = portrait_params(given)
    msgspec.convert(msgspec.to_builtins(params), PortraitParams)  # as the worker checks it
    click.echo(params.background)


def told(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_by_default_the_background_is_kept() -> None:
    assert told().output == "keep\n"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("keep", "keep"),
        ("Blur", "blur"),
        ("#00FF00", "#00ff00"),
        ("#fA0", "#ffaa00"),
        ("white", "#ffffff"),
        ("Grey", "#808080"),
        ("gray", "#808080"),
        ("green", "#008000"),
    ],
)
def test_a_colour_is_told_in_one_form_however_it_was_said(said: str, meant: str) -> None:
    assert told("--background", said).output == f"{meant}\n"


@pytest.mark.parametrize(
    "said", ["", "purplish", "00ff00", "#12345", "#1234567", "#gggggg", "#٠٠٠٠٠٠", "blur\n#fff"]
)
def test_what_is_no_colour_is_refused_with_examples(said: str) -> None:
    result = told("--background", said)
    assert result.exit_code == 2
    assert "is not keep, blur, a colour such as #00ff00" in result.output
