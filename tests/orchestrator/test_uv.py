"""A uv that runs is found, told what the user told pip, and heard when it fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.uv import RegistryUnreachable, Uv, find_uv, private_folder, settings
from shared_schema.errors import EnvironmentMissing


def place(folder: Path, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "uv"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def found(tmp_path: Path, **variables: str) -> Path | None:
    uv = find_uv({"HOME": str(tmp_path / "home"), "PATH": f"{tmp_path / 'a'}:{tmp_path / 'b'}", **variables})
    return uv.path if uv else None


def test_a_shim_that_fails_is_passed_over(tmp_path: Path) -> None:
    place(tmp_path / "a", "echo 'pyenv: uv: command not found' >&2; exit 127")
    expected = place(tmp_path / "b", "echo 'uv 0.13.9 (x86_64)'")
    assert found(tmp_path) == expected


@pytest.mark.parametrize("words", ["uv 0.8.24", "uv 1.0.0", "uvicorn 0.30", ""])
def test_a_version_that_we_do_not_know_is_passed_over(words: str, tmp_path: Path) -> None:
    place(tmp_path / "a", f"echo '{words}'")
    assert found(tmp_path) is None


def test_the_one_named_by_the_user_comes_before_any_other(tmp_path: Path) -> None:
    place(tmp_path / "a", "echo uv 0.13.9")
    expected = place(tmp_path / "mine", "echo uv 0.9.0")
    assert found(tmp_path, AVATAR_UV=str(expected)) == expected


@pytest.mark.parametrize("folder", ["home/.local/bin", "home/.cargo/bin", "home/.pyenv/versions/3.11.7/bin"])
def test_it_is_found_where_installers_put_it(folder: str, tmp_path: Path) -> None:
    expected = place(tmp_path / folder, "echo uv 0.13.9")
    assert found(tmp_path) == expected


def test_a_copy_of_our_own_is_found_again(tmp_path: Path) -> None:
    expected = place(private_folder() / "bin", "echo uv 0.13.9")
    assert found(tmp_path) == expected


def test_settings_that_point_at_another_environment_do_not_reach_it() -> None:
    given = {
        "VIRTUAL_ENV": "/x",
        "PYTHONPATH": "/x",
        "UV_PYTHON": "3.13",
        "UV_CACHE_DIR": "/c",
        "PATH": "/bin",
    }
    kept = settings({**given, "PIP_CONFIG_FILE": os.devnull})
    assert {name: kept.get(name) for name in given} == {
        "VIRTUAL_ENV": None, "PYTHONPATH": None, "UV_PYTHON": None, "UV_CACHE_DIR": "/c", "PATH": "/bin",
    }  # fmt: skip


def test_pips_mirror_and_certificate_are_also_uvs(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = http://mirror.example/simple\ncert = /ca.pem\n")
    kept = settings({"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
    assert kept["UV_DEFAULT_INDEX"] == "http://mirror.example/simple"
    assert kept["SSL_CERT_FILE"] == "/ca.pem"


def test_pips_variable_comes_before_its_file(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = http://old.example/simple\n")
    variables = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_INDEX_URL": "http://new.example/simple"}
    assert settings({"HOME": str(tmp_path), **variables})["UV_DEFAULT_INDEX"] == "http://new.example/simple"


def test_what_was_said_to_uv_itself_stands(tmp_path: Path) -> None:
    given = {"HOME": str(tmp_path), "PIP_INDEX_URL": "http://pip.example/simple"}
    assert "UV_DEFAULT_INDEX" not in settings({**given, "UV_INDEX_URL": "http://uv.example/simple"})
    (tmp_path / ".config" / "uv").mkdir(parents=True)
    (tmp_path / ".config" / "uv" / "uv.toml").touch()
    assert "UV_DEFAULT_INDEX" not in settings(given)


def failure(tmp_path: Path, script: str) -> EnvironmentMissing:
    log = tmp_path / "log"
    uv = Uv(place(tmp_path, script))
    with pytest.raises(EnvironmentMissing) as caught:
        uv.run("pip", "sync", purpose="install it", log=log, folder=tmp_path)
    assert str(log) in caught.value.hint
    assert "$ uv pip sync" in log.read_text()
    return caught.value


def test_its_error_and_the_innermost_cause_are_told_in_one_line(tmp_path: Path) -> None:
    script = r"""printf 'Resolved 3 packages\n\033[1merror\033[0m: Failed to install: x.whl\n' >&2
printf '  cause: failed to write\n  cause: middle\n  cause: No space left (os error 28)\n' >&2; exit 2"""
    error = failure(tmp_path, script)
    assert error.message == (
        "uv could not install it: Failed to install: x.whl; failed to write; No space left (os error 28)."
    )
    assert not isinstance(error, RegistryUnreachable)


def test_an_unreachable_registry_is_told_apart(tmp_path: Path) -> None:
    script = """echo 'error: Request failed after 3 retries' >&2
echo '  cause: tcp connect error' >&2; echo '  cause: Connection refused (os error 111)' >&2; exit 2"""
    error = failure(tmp_path, script)
    assert isinstance(error, RegistryUnreachable)
    assert "Check the network" in error.hint


def test_even_silence_is_a_reason(tmp_path: Path) -> None:
    assert failure(tmp_path, "exit 3").message == "uv could not install it: it ended with status 3."
