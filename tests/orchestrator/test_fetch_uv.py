"""Where a machine has no uv, pip fetches one; real pip, no network: the package lies in a folder."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from orchestrator.fetch_uv import fetch_uv
from orchestrator.uv import find_uv, private_folder


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which pip takes packages, with a uv that can only say its version."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    about = "uv-0.13.9.dist-info"
    contents = {
        "uv-0.13.9.data/scripts/uv": "#!/bin/sh\necho uv 0.13.9\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: uv\nVersion: 0.13.9\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in contents)
    with zipfile.ZipFile(folder / "uv-0.13.9-py3-none-any.whl", "w") as archive:
        for name, text in {**contents, f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16  # a regular file that may be run
            archive.writestr(entry, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.mark.usefixtures("registry")
def test_it_is_fetched_into_the_data_folder_and_found_there_again(tmp_path: Path) -> None:
    uv = fetch_uv(tmp_path / "log")
    assert uv.path == private_folder() / "bin" / "uv"
    assert find_uv({"HOME": "/nowhere", "PATH": ""}) == uv
    assert [path.name for path in private_folder().parent.iterdir()] == ["uv"]


@pytest.mark.usefixtures("registry")
def test_one_that_no_longer_runs_is_replaced(tmp_path: Path) -> None:
    broken = private_folder() / "bin" / "uv"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert fetch_uv(tmp_path / "log").path == broken
    assert "0.13.9" in broken.read_text()
