"""Options of neural lip-sync engines become what a task is told."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli.dubbing import MASKS, dubbing, dubbing_of
from shared_schema.stages import Dubbing, Mask


@click.command()
@dubbing
def command(**given: object) -> None:
    click.echo(repr(dubbing_of(given)))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Dubbing()),
        (["--mask", "v1"], Dubbing(mask=Mask.V1)),
        (["--musetalk", "v1", "--shift", "-7"], Dubbing(version="v1", shift=-7)),
        (["--no-gate"], Dubbing(gate=False)),
        (["--no-match", "--sharpen", "0.5"], Dubbing(match=False, sharpen=0.5)),
        (["--compat", "--mask", "v1.5"], Dubbing(compat=True, mask=Mask.V15)),
    ],
)
def test_options_become_what_a_task_is_told(arguments: list[str], expected: Dubbing) -> None:
    assert CliRunner().invoke(command, arguments).output == f"{expected!r}\n"


@pytest.mark.parametrize(
    "arguments", [["--mask", "nose"], ["--sharpen", "2"], ["--shift", "65"], ["--musetalk", "v2"]]
)
def test_what_no_engine_takes_is_a_usage_error(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2


def test_the_masks_are_those_of_the_schema() -> None:
    assert list(MASKS) == [mask.value for mask in Mask]
