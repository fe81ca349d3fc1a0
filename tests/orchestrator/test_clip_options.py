"""What makes a portrait is refused with a video, which stays as it is; the frame rate is its own."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli import avatar, options
from orchestrator.cli.dubbing import dubbing
from orchestrator.cli.params import lipsync_params
from shared_schema.errors import InputError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "me.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(100))
    return path


@pytest.mark.parametrize(
    "given",
    [
        ["--size", "512"],
        ["--aspect", "1:1"],
        ["--background", "blur"],
        ["--prompt", "a sailor"],
        ["--portrait-engine", "sdxl"],
    ],
)
def test_with_a_video_it_is_refused_before_anything_is_set_up(clip: Path, given: list[str]) -> None:
    arguments = ["run", "--portrait", str(clip), "-o", str(clip.parent / "out.mp4"), *given]
    result = CliRunner().invoke(avatar, arguments)
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith(f"{given[0]} is for photos; a video is left as it is")


def test_the_lip_sync_stage_refuses_it_too(clip: Path) -> None:
    arguments = ["stage", "lipsync", "--portrait", str(clip), "--speech", "a.wav", "--size", "300"]
    result = CliRunner().invoke(avatar, [*arguments, "-o", str(clip.parent / "out.mp4")])
    assert str(result.exception).startswith("--size is for photos")


@click.command()
@options.video
@dubbing
@options.video_out
def command(**given: object) -> None:
    params = lipsync_params(given)
    click.echo(f"{given['fps']} {params.fps_numerator}/{params.fps_denominator}")


@pytest.mark.parametrize(
    ("arguments", "told"), [([], "None 25/1"), (["--fps", "29.97"], "30000/1001 30000/1001")]
)
def test_a_photo_gets_25_frames_a_second_where_nobody_said_how_many(arguments: list[str], told: str) -> None:
    assert CliRunner().invoke(command, arguments).output == f"{told}\n"
