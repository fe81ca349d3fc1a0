"""The run directory is private, locked, and short enough for a socket."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orchestrator import locks
from orchestrator.rundir import RunDirectory
from shared_schema import paths
from shared_schema.errors import RunDirectoryError


def test_it_is_private_and_gone_after() -> None:
    with RunDirectory.create() as directory:
        assert stat.S_IMODE(directory.folder.stat().st_mode) == 0o700
        assert directory.endpoint == f"ipc://{directory.folder}/s"
    assert not directory.folder.exists()


def test_two_orchestrators_cannot_hold_one_directory(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "r"), pytest.raises(RunDirectoryError, match="Another orchestrator"):
        RunDirectory(tmp_path / "r")


def test_several_orchestrators_have_several_directories() -> None:
    with RunDirectory.create() as one, RunDirectory.create() as other:
        assert one.folder != other.folder
        assert one.folder.exists()


def test_a_stale_socket_is_removed(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "s").touch()
    with RunDirectory(tmp_path / "r"):
        assert not (tmp_path / "r" / "s").exists()


def test_a_path_too_long_for_a_socket_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"has \d+ bytes; the system allows 107.*AVATAR_HOME"):
        RunDirectory(tmp_path / ("x" * 100))


def test_a_directory_that_others_may_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir(mode=0o755)
    with RunDirectory(tmp_path / "r") as directory:
        assert stat.S_IMODE(directory.folder.stat().st_mode) == 0o700


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "r").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunDirectoryError, match="not a directory of yours"):
        RunDirectory(tmp_path / "r")


def test_a_file_in_its_place_is_refused(home: Path) -> None:
    home.mkdir()
    (home / "run").touch()
    with pytest.raises(RunDirectoryError, match="cannot be used"):
        RunDirectory.create()


def test_only_folders_that_nobody_holds_are_swept(tmp_path: Path) -> None:
    for name in ("dead", "held", "fresh"):
        (tmp_path / name).mkdir()
    (tmp_path / "dead" / locks.LOCK_NAME).touch()
    assert locks.try_lock(tmp_path / "held") is not None
    assert locks.sweep(tmp_path) == [tmp_path / "dead"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "held"]


def test_state_is_in_the_xdg_folders_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AVATAR_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert paths.logs_dir() == tmp_path / ".local/state/avatar/logs"
    assert paths.data_dir() == tmp_path / ".local/share/avatar"
    assert paths.cache_dir() == tmp_path / ".cache/avatar"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert paths.runtime_dir() == tmp_path / "avatar"
