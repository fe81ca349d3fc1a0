"""A result is put where the user wants it whole, or not at all; what cannot be is refused beforehand."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.output import Target
from shared_schema.errors import OutputError


@pytest.fixture
def video(tmp_path: Path) -> Path:
    source = tmp_path / "job" / "video.mp4"
    source.parent.mkdir()
    source.write_bytes(b"new")
    return source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    return made


def full(*_arguments: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def across_file_systems(*_arguments: Any) -> None:
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def test_the_result_appears_alone(video: Path, folder: Path) -> None:
    Target(folder / "a.mp4", (".mp4",), force=False).publish(video)
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]
    assert (folder / "a.mp4").read_bytes() == b"new"


def test_it_appears_across_file_systems_too(
    video: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", across_file_systems)
    Target(folder / "a.mp4", (".mp4",), force=False).publish(video)
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]
    assert (folder / "a.mp4").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing/a.mp4", "does not exist. Create it: mkdir -p"),
        ("a.avi", "must end in .mp4. Name it a.mp4"),
        ("a", "must end in .mp4"),
        ("folder.mp4", "is a folder"),
        ("there.mp4", "exists already. Give --force"),
    ],
)
def test_a_place_that_cannot_be_is_refused_beforehand(folder: Path, name: str, says: str) -> None:
    (folder / "folder.mp4").mkdir()
    (folder / "there.mp4").touch()
    with pytest.raises(OutputError) as refusal:
        Target(folder / name, (".mp4",), force=False)
    assert says in str(refusal.value)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_one_may_not_write_is_refused(folder: Path) -> None:
    folder.chmod(0o500)
    with pytest.raises(OutputError, match="not writable"):
        Target(folder / "a.mp4", (".mp4",), force=False)


def test_force_overwrites(video: Path, folder: Path) -> None:
    (folder / "a.mp4").write_bytes(b"old")
    Target(folder / "a.mp4", (".mp4",), force=True).publish(video)
    assert (folder / "a.mp4").read_bytes() == b"new"


def test_what_appeared_meanwhile_is_not_overwritten(video: Path, folder: Path) -> None:
    target = Target(folder / "a.mp4", (".mp4",), force=False)
    (folder / "a.mp4").write_bytes(b"theirs")
    with pytest.raises(OutputError, match="exists already"):
        target.publish(video)
    assert (folder / "a.mp4").read_bytes() == b"theirs"
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]


def test_a_full_disk_leaves_no_half_file(video: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(folder / "a.mp4", (".mp4",), force=False)
    monkeypatch.setattr(os, "link", across_file_systems)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OutputError, match="No space left on device"):
        target.publish(video)
    assert list(folder.iterdir()) == []
