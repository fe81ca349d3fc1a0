"""Bad input gets one clear line, exit status 2, and leaves nothing behind."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.conftest import Home

Arguments = Callable[[Path, Path], list[object]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of every wrong kind."""
    (tmp_path / "empty").touch()
    with (tmp_path / "gigantic.jpg").open("wb") as file:
        file.truncate(2**31)
    (tmp_path / "there.mp4").write_bytes(b"precious")
    (tmp_path / "latin1.txt").write_bytes(b"caf\xe9")
    (tmp_path / "long.txt").write_text("word " * 500_000)
    (tmp_path / "text.wav").write_text("This is no sound.")
    for name, frames in (("silence.wav", 2 * 24000), ("short.wav", 2400), ("nothing.wav", 0)):
        with wave.open(str(tmp_path / name), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(24000)
            sound.writeframes(b"\0\0" * frames)
    return tmp_path


REFUSED: dict[str, tuple[Arguments, str]] = {
    "empty text": (lambda _f, _p: ["--text", ""], "text is empty"),
    "blank text": (lambda _f, _p: ["--text", " \n "], "text is empty"),
    "only emoji": (lambda _f, _p: ["--text", "🙂🎉"], "no word"),
    "another script": (lambda _f, _p: ["--text", "Привет, мир"], "en"),
    "a language nobody speaks": (lambda _f, _p: ["--language", "de"], "en-us"),
    "text twice": (lambda f, _p: ["--text", "a", "--text-file", f / "empty"], "Both --text and --text-file"),
    "no such text": (lambda f, _p: ["--text-file", f / "missing.txt"], "no text at"),
    "text that is no UTF-8": (lambda f, _p: ["--text-file", f / "latin1.txt"], "UTF-8"),
    "gigantic text": (lambda f, _p: ["--text-file", f / "long.txt"], "at most"),
    "no such photo": (lambda f, _p: ["--portrait", f / "missing.jpg"], "no picture at"),
    "a folder as photo": (lambda f, _p: ["--portrait", f], "is a folder"),
    "an empty photo": (lambda f, _p: ["--portrait", f / "empty"], "is empty"),
    "a gigantic photo": (lambda f, _p: ["--portrait", f / "gigantic.jpg"], "MiB; at most"),
    "text as photo": (lambda _f, p: ["--portrait", p / "text.jpg"], "text.jpg is not a picture"),
    "a truncated photo": (lambda _f, p: ["--portrait", p / "truncated.jpg"], "truncated"),
    "no face": (lambda _f, p: ["--portrait", p / "blank.png"], "No face"),
    "two faces": (lambda _f, p: ["--portrait", p / "two.png"], "--face"),
    "a face that is not there": (lambda _f, p: ["--portrait", p / "two.png", "--face", "3"], "2 faces"),
    "a tiny face": (lambda _f, p: ["--portrait", p / "tiny.png"], "at least 64"),
    "no such voice": (lambda f, _p: ["--voice", f / "missing.wav"], "no recording at"),
    "text as voice": (lambda f, _p: ["--voice", f / "text.wav"], "recording"),
    "a silent voice": (lambda f, _p: ["--voice", f / "silence.wav"], "silen"),
    "a voice too short": (lambda f, _p: ["--voice", f / "short.wav"], "short"),
    "a voice without samples": (lambda f, _p: ["--voice", f / "nothing.wav"], "nothing.wav holds no sound"),
    "an unknown speech engine": (
        lambda _f, _p: ["--tts", "nobody"],
        "there are: xtts, kokoro, hibari, bark.",
    ),
    "an unknown portrait engine": (
        lambda _f, _p: ["--portrait-engine", "nobody"],
        "there are: photo, sdxl, sample",
    ),
    "an unknown lip-sync engine": (
        lambda _f, _p: ["--lipsync", "nobody"],
        "there are: musetalk, talking-photo, wav2lip",
    ),
    "an output folder that is missing": (lambda f, _p: ["-o", f / "no/out.mp4"], "does not exist"),
    "an output that is no video": (lambda f, _p: ["-o", f / "out.avi"], "must end in .mp4"),
    "an output that exists": (lambda f, _p: ["-o", f / "there.mp4"], "--force"),
    "an odd frame rate": (lambda _f, _p: ["--fps", "fast"], "not a frame rate"),
    "a frame rate of 0": (lambda _f, _p: ["--fps", "0"], "between 1 and 120"),
    "an unknown option": (lambda _f, _p: ["--colour"], "--colour"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused(what: str, home: Home, folder: Path, pictures: Path) -> None:
    make, says = REFUSED[what]
    arguments = make(folder, pictures)
    if "-o" not in arguments:
        arguments = ["-o", folder / "out.mp4", *arguments]
    before = sorted(folder.iterdir())
    refused = home.run("run", *arguments)
    lines = refused.stderr.splitlines()
    assert refused.returncode == 2, refused.stderr
    assert lines[-1].startswith("avatar: ")
    assert says in lines[-1]
    assert "Traceback" not in refused.stderr
    assert [line for line in lines if line.startswith("avatar: ")] == lines[-1:]
    assert sorted(folder.iterdir()) == before
    assert (folder / "there.mp4").read_bytes() == b"precious"


def test_with_json_the_refusal_is_an_object_too(home: Home, folder: Path, pictures: Path) -> None:
    refused = home.run("run", "-o", folder / "out.mp4", "--portrait", pictures / "blank.png", "--json")
    error = json.loads(refused.stdout)["error"]
    assert (refused.returncode, error["code"]) == (2, "bad-face")
    assert "No face" in error["message"]


def test_the_lip_sync_stage_refuses_what_is_no_speech(home: Home, folder: Path) -> None:
    for name, says in (
        ("text.wav", "recording"),
        ("nothing.wav", "recording"),
        ("missing.wav", "no recording"),
    ):
        refused = home.run("stage", "lipsync", "--speech", folder / name, "-o", folder / "out.mp4")
        assert refused.returncode == 2
        assert says in refused.stderr.splitlines()[-1]
        assert not (folder / "out.mp4").exists()
