"""What a portrait is drawn with: options, what becomes of them, and where pictures and previews go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import drawing
from orchestrator.cli.drawing import SCHEDULERS, STYLES, add_inputs, drawing_of, targets
from orchestrator.cli.preview import PreviewFile
from orchestrator.job import Job
from shared_schema.errors import InputError, OutputError
from shared_schema.messages import Chunk
from shared_schema.stages import Drawing, Scheduler, Stage, Style

seen: dict[str, Any] = {}


@click.command()
@drawing.drawing
@drawing.several
def command(**given: Any) -> None:
    seen.clear()
    seen.update(given)


def parsed(*arguments: str) -> dict[str, Any]:
    result = told(*arguments)
    assert result.exit_code == 0, result.output
    return dict(seen)


def told(*arguments: str) -> Result:
    return CliRunner(env={"AVATAR_CHECKPOINT": None}).invoke(command, arguments)


def test_styles_and_schedulers_are_those_of_the_schema() -> None:
    assert tuple(Style) == STYLES
    assert tuple(Scheduler) == SCHEDULERS


def test_by_default_all_is_as_the_schema_says() -> None:
    assert drawing_of(parsed()) == Drawing()
    assert drawing_of(parsed("--prompt", "x")) == Drawing()


def test_every_option_arrives_where_it_belongs_and_a_worker_takes_it(tmp_path: Path) -> None:
    wanted = drawing_of(
        parsed(
            *("--prompt", "x", "--negative", "hats", "--style", "studio", "--steps", "7", "--guidance", "0"),
            *("--scheduler", "dpm++-karras", "--strength", "0.3", "--tries", "5", "--count", "3", "--refine"),
            *("--checkpoint", str(tmp_path / "own"), "--lora", "a:0.5", "--lora", "b"),
            *("--preview", str(tmp_path / "p.jpg")),
        )
    )
    assert wanted == Drawing(
        "hats",
        Style.STUDIO,
        7,
        0.0,
        Scheduler.DPMPP_KARRAS,
        0.3,
        3,
        5,
        str(tmp_path / "own"),
        refine=True,
        lora_scales=[0.5, 1.0],
        preview=True,
    )
    assert msgspec.convert(msgspec.to_builtins(wanted), Drawing) == wanted


@pytest.mark.parametrize(
    ("said", "path", "scale"),
    [
        ("film.safetensors", "film.safetensors", 1.0),
        ("film.safetensors:0.8", "film.safetensors", 0.8),
        ("film.safetensors:-4", "film.safetensors", -4.0),
        ("a:b/film.safetensors", "a:b/film.safetensors", 1.0),
        ("a:b/film.safetensors:4", "a:b/film.safetensors", 4.0),
        ("film.safetensors:", "film.safetensors:", 1.0),
    ],
)
def test_a_lora_may_say_behind_a_colon_how_strongly_it_counts(said: str, path: str, scale: float) -> None:
    assert parsed("--lora", said)["lora"] == ((Path(path), scale),)


@pytest.mark.parametrize("scale", ["4.01", "-5", "nan", "inf", "1e9"])
def test_a_scale_beyond_the_bounds_is_a_wrong_use(scale: str) -> None:
    result = told("--lora", f"film.safetensors:{scale}")
    assert result.exit_code == 2
    assert f"{scale} is not a scale between -4 and 4." in result.output


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("--negative", "hats"), "negative"),
        (("--style", "none"), "style"),
        (("--steps", "7"), "steps"),
        (("--guidance", "0"), "guidance"),
        (("--scheduler", "lcm"), "scheduler"),
        (("--strength", "0.9"), "strength"),
        (("--count", "2"), "count"),
        (("--tries", "9"), "tries"),
        (("--refine",), "refine"),
        (("--lora", "film"), "lora"),
        (("--preview", "p.jpg"), "preview"),
    ],
)
def test_without_a_prompt_what_has_no_effect_is_refused(arguments: tuple[str, ...], option: str) -> None:
    with pytest.raises(InputError, match=f"^--{option} is for portraits that are drawn") as caught:
        drawing_of(parsed(*arguments))
    assert caught.value.hint == "Say with --prompt who to draw."
    drawing_of(parsed("--prompt", "x", *arguments))


def test_a_checkpoint_in_the_environment_needs_no_prompt() -> None:
    result = CliRunner(env={"AVATAR_CHECKPOINT": "/own"}).invoke(command, [])
    assert result.exit_code == 0
    assert drawing_of(dict(seen)).checkpoint == "/own"


def test_a_checkpoint_is_told_as_the_worker_must_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    cases = {
        "own": f"{tmp_path}/own",
        "~/own": "/home/someone/own",
        "/own": "/own",
        " ": "",
        "~nobody-of-this-name/own": f"{tmp_path}/~nobody-of-this-name/own",
    }
    for said, meant in cases.items():
        assert drawing_of(parsed("--checkpoint", said)).checkpoint == meant


@pytest.mark.parametrize("option", ["negative", "checkpoint"])
def test_words_that_are_no_utf8_are_refused(option: str) -> None:
    given = parsed("--prompt", "x") | {option: "caf\udce9"}
    with pytest.raises(InputError, match="is not UTF-8 text"):
        drawing_of(given)


def test_commands_that_draw_one_do_without_count_and_preview() -> None:
    given = parsed("--prompt", "x")
    del given["count"], given["preview"]
    assert drawing_of(given) == Drawing()


def test_prompt_and_loras_become_files_of_the_job(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    given = parsed("--prompt", "Füchse", "--lora", f"{tmp_path}/a:0.5", "--lora", f"{tmp_path}/b")
    with Job() as job:
        found = add_inputs(job, given)
        content = {role: job.path(file).read_text() for role, file in found.items()}
        assert content == {"prompt": "Füchse", "lora": "a", "lora-2": "b"}
        assert add_inputs(job, parsed()) == {}


def asked(count: int, *, force: bool = False) -> dict[str, Any]:
    return {"count": count, "force": force}


def test_one_picture_has_one_place(tmp_path: Path) -> None:
    assert {role: to.path for role, to in targets(tmp_path / "me.png", asked(1)).items()} == {
        "portrait": tmp_path / "me.png"
    }


def test_several_pictures_are_numbered_and_have_a_sheet(tmp_path: Path) -> None:
    assert {role: to.path for role, to in targets(tmp_path / "me.PNG", asked(3)).items()} == {
        "portrait": tmp_path / "me.PNG",
        "portrait-2": tmp_path / "me-2.PNG",
        "portrait-3": tmp_path / "me-3.PNG",
        "sheet": tmp_path / "me-sheet.jpg",
    }


@pytest.mark.parametrize("name", ["me.png", "me-2.png", "me-sheet.jpg"])
def test_no_picture_overwrites_what_is_there_unless_forced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(OutputError, match=f"{name} exists already"):
        targets(tmp_path / "me.png", asked(2))
    targets(tmp_path / "me.png", asked(2, force=True))


@pytest.mark.parametrize("output", ["me.jpg", "me", "", ".", "..", "/"])
def test_an_output_that_is_no_png_is_refused(output: str) -> None:
    with pytest.raises(OutputError, match=r"must end in \.png"):
        targets(Path(output), asked(2))


def piece(name: str = "preview") -> Chunk:
    return Chunk("job-portrait", 1, name, 0)


def test_a_preview_is_the_latest_picture_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    preview = PreviewFile(tmp_path / "p.jpg", force=False)
    assert not (tmp_path / "p.jpg").exists()
    for data in (b"first", b"second"):
        preview.chunk(Stage.PORTRAIT, piece(), data)
        assert (tmp_path / "p.jpg").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["p.jpg"]


def test_who_reads_a_preview_sees_a_whole_one_while_the_next_comes(tmp_path: Path) -> None:
    preview = PreviewFile(tmp_path / "p.jpg", force=False)
    preview.chunk(Stage.PORTRAIT, piece(), b"first")
    with (tmp_path / "p.jpg").open("rb") as reader:
        preview.chunk(Stage.PORTRAIT, piece(), b"2")
        assert reader.read() == b"first"


def test_pieces_of_other_stages_and_names_are_no_previews(tmp_path: Path) -> None:
    preview = PreviewFile(tmp_path / "p.jpg", force=False)
    preview.chunk(Stage.SPEECH, piece(), b"sound")
    preview.chunk(Stage.PORTRAIT, piece("portrait"), b"picture")
    assert list(tmp_path.iterdir()) == []


def test_a_preview_that_cannot_be_there_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").touch()
    with pytest.raises(OutputError, match="exists already"):
        PreviewFile(tmp_path / "p.jpg", force=False)
    PreviewFile(tmp_path / "p.jpg", force=True)
    with pytest.raises(OutputError, match=r"must end in \.jpg or \.jpeg"):
        PreviewFile(tmp_path / "p.png", force=False)


def _vanish(folder: Path) -> None:
    folder.rmdir()


def _become_a_file(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


def _stand_in_the_way(folder: Path) -> None:
    (folder / ".p.jpg.part").mkdir()


@pytest.mark.parametrize("spoil", [_vanish, _become_a_file, _stand_in_the_way])
def test_a_preview_that_cannot_be_written_is_told_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    preview = PreviewFile(folder / "p.jpg", force=False)
    spoil(folder)
    for _ in range(3):
        preview.chunk(Stage.PORTRAIT, piece(), b"picture")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"avatar: The preview {folder / 'p.jpg'} cannot be written: ")
