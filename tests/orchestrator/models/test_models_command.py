"""`avatar models`: weights come whole or not at all, and say what they are."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli import avatar as command
from orchestrator.cli.models import offer
from orchestrator.models import store
from orchestrator.models.manifest import MANIFEST_NAME, known, usual
from shared_schema import weights
from shared_schema.errors import OutputError
from tests.orchestrator.models.test_pth import checkpoint, tensor, text
from tests.support.hub import COMMIT, Hub

AVATAR = Path(sys.executable).with_name("avatar")
NAME = "xtts-v2"
SPEAKERS = b"\x80\x02}" + text("Ana Florence") + b"}" + text("latent") + tensor() + b"ss."


@pytest.fixture
def published(tmp_path: Path) -> dict[str, bytes]:
    """The files of the published repository, small."""
    inside = b"\x80\x02}" + text("model") + b"}" + text("weight") + tensor(count=75_000) + b"ss."
    return {
        "config.json": b"{}",
        "vocab.json": b"{}",
        "model.pth": checkpoint(tmp_path / "a", inside, data=bytes(300_000)).read_bytes(),
        "speakers_xtts.pth": checkpoint(tmp_path / "b", SPEAKERS).read_bytes(),
        "LICENSE.txt": b"Not for sale.",
        "dvae.pth": b"not needed",
    }


@pytest.fixture
def hub(published: dict[str, bytes]) -> Iterator[Hub]:
    with Hub({"coqui/XTTS-v2": published, "somebody/voices": VOICES}) as hub:
        yield hub


VOICES = {"voices/low.bin": b"low", "voices/high.bin": b"high", "voices/../../stray.bin": b"stray"}

MANIFEST = """
[xtts-v2]
repository = "coqui/XTTS-v2"
revision = "main"
bytes = 1_880_000_000
licence = "CPML"
terms = "non-commercial use only"
alternatives = "hibari may be used for everything"
engines = ["xtts"]
usual = true
packages = ["tts"]

[xtts-v2.files]
"config.json" = {}
"vocab.json" = { sha256 = "DIGEST" }
"model.pth" = { becomes = "model.safetensors", under = "model" }
"speakers_xtts.pth" = { becomes = "speakers_xtts.safetensors" }
"LICENSE.txt" = {}

[kokoro]
repository = "somebody/voices"
revision = "main"
bytes = 7
licence = "MIT"
engines = ["xtts"]
usual = true
files = { "voices/*.bin" = {} }
"""

UNUSUAL = """
[{name}]
repository = "somebody/pictures"
revision = "main"
bytes = 7
licence = "MIT"
engines = ["sdxl"]
files = {{ "unet" = {{}} }}
"""
"""Takes the place of another model that is usual."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose own manifest stands in for the published one, with small files' digests."""
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "home"))
    (tmp_path / "home/models").mkdir(parents=True)
    written = MANIFEST.replace("DIGEST", hashlib.sha256(b"{}").hexdigest())
    written += "".join(UNUSUAL.format(name=name) for name in usual() if name not in {NAME, "kokoro"})
    (tmp_path / "home/models" / MANIFEST_NAME).write_text(written)
    return tmp_path / "home"


def avatar(home: Path, *arguments: str, hub: Hub | None = None) -> subprocess.CompletedProcess[str]:
    endpoint = hub.address if hub else "http://127.0.0.1:9"
    return subprocess.run(
        [AVATAR, "models", *arguments],
        env={
            **os.environ, "AVATAR_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        },
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def installed(home: Path) -> list[str]:
    folder = home / "models"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def written(files: dict[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


ACCEPTED = ("--accept-license", NAME)


def test_a_model_is_fetched_converted_and_recorded(home: Path, hub: Hub) -> None:
    done = avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    assert done.returncode == 0, done.stderr
    folder = home / "models" / NAME
    assert done.stdout.strip() == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "LICENSE.txt", "avatar-model.json", "config.json", "model.safetensors",
        "speakers_xtts.safetensors", "vocab.json",
    ]  # fmt: skip
    record = weights.read_record(folder)
    assert (record.revision, record.terms != "") == (COMMIT, True)
    assert b'"Ana Florence/latent"' in (folder / "speakers_xtts.safetensors").read_bytes()
    assert weights.availability_of_weights(NAME).ready
    assert installed(home) == [NAME]
    assert "dvae.pth" not in hub.fetched


def test_what_is_here_is_not_fetched_again(home: Path, hub: Hub) -> None:
    avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    fetched = list(hub.fetched)
    assert avatar(home, "fetch", NAME, hub=hub).returncode == 0
    assert hub.fetched == fetched


def test_a_file_that_broke_off_is_gone_on_with(
    home: Path, hub: Hub, published: dict[str, bytes], tmp_path: Path
) -> None:
    # huggingface_hub writes 10 MB at a time.
    inside = b"\x80\x02}" + text("model") + b"}" + text("weight") + tensor(count=6_000_000) + b"ss."
    published["model.pth"] = checkpoint(tmp_path / "large", inside, data=bytes(24_000_000)).read_bytes()
    hub.cut["model.pth"] = 15_000_000
    first = avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    if first.returncode:  # it may have gone on by itself
        assert installed(home) == [f".partial-{NAME}"]
        assert avatar(home, "fetch", NAME, hub=hub).returncode == 0
    (wanted,) = hub.ranges
    assert int(wanted.removeprefix("bytes=").partition("-")[0]) >= 10_000_000
    assert installed(home) == [NAME]


def test_a_damaged_file_is_refused_and_nothing_appears(home: Path, hub: Hub) -> None:
    hub.spoil.add("model.pth")
    done = avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    assert done.returncode == 2
    assert "model.pth of coqui/XTTS-v2 came damaged" in done.stderr
    assert NAME not in installed(home)
    hub.spoil.clear()
    assert avatar(home, "fetch", NAME, hub=hub).returncode == 0


def test_a_checkpoint_that_would_run_something_is_refused(
    home: Path, hub: Hub, published: dict[str, bytes], tmp_path: Path
) -> None:
    evil = b"\x80\x02}" + text("model") + b"cposix\nsystem\n(" + text(f"touch {tmp_path}/ran") + b"tRs."
    published["model.pth"] = checkpoint(tmp_path / "evil", evil).read_bytes()
    done = avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    assert done.returncode == 2
    assert "posix.system" in done.stderr
    assert NAME not in installed(home)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("stated", [True, False])
def test_another_file_than_the_published_one_is_refused(
    home: Path, hub: Hub, published: dict[str, bytes], stated: bool
) -> None:
    published["vocab.json"] = b"[]"
    hub.states_digests = stated
    done = avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    assert done.returncode == 2
    assert "vocab.json" in done.stderr
    assert NAME not in installed(home)
    assert ("vocab.json" in hub.fetched) != stated


def test_an_imported_file_that_is_not_the_published_one_is_refused(
    home: Path, published: dict[str, bytes], tmp_path: Path
) -> None:
    published["vocab.json"] = b"[]"
    done = avatar(home, "import", NAME, str(written(published, tmp_path / "stick")), *ACCEPTED)
    assert done.returncode == 2
    assert "vocab.json is not the file that xtts-v2 was published with" in done.stderr
    assert installed(home) == []


def test_where_there_is_no_space_it_is_said_and_nothing_left(
    home: Path, published: dict[str, bytes], tmp_path: Path
) -> None:
    """A limit on the size of files stands for a disk that is full."""
    folder = written(published, tmp_path / "stick")
    command = f'ulimit -f 100; exec "{AVATAR}" models import {NAME} "{folder}" --accept-license {NAME}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == OutputError.exit_status
    assert "Is there space left?" in done.stderr
    assert "Traceback" not in done.stderr
    assert installed(home) == []


def test_a_pattern_stands_for_the_files_there_are_and_none_goes_astray(home: Path, hub: Hub) -> None:
    assert avatar(home, "fetch", "kokoro", hub=hub).returncode == 0
    assert set(weights.read_record(home / "models/kokoro").files) == {"voices/low.bin", "voices/high.bin"}
    assert not list(home.rglob("stray.bin"))


def test_without_a_name_the_usual_ones_come_but_for_those_whose_licence_was_not_accepted(
    home: Path, hub: Hub
) -> None:
    done = avatar(home, "fetch", hub=hub)
    assert done.returncode == 0, done.stderr
    assert installed(home) == ["kokoro"]
    (left_out,) = [line for line in done.stderr.splitlines() if line.startswith("Left out: ")]
    assert "--accept-license xtts-v2" in left_out
    assert avatar(home, "fetch", *ACCEPTED, hub=hub).returncode == 0
    assert installed(home) == ["kokoro", NAME]


def test_with_packages_what_runs_the_models_is_installed_too(
    home: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installation itself takes gigabytes: `make bench` does it."""
    asked: list[tuple[list[str], str]] = []
    monkeypatch.setattr("orchestrator.environments.sync", lambda names, kind: asked.append((names, kind)))
    avatar(home, "fetch", *ACCEPTED, hub=hub)
    for names in ([], ["kokoro"]):
        given = ["models", "fetch", *names, "--packages"]
        assert CliRunner().invoke(command, given, catch_exceptions=False).exit_code == 0
    assert asked == [(["tts"], "neural")]


def test_a_damaged_manifest_is_told_with_its_place(home: Path) -> None:
    (home / "models" / MANIFEST_NAME).write_text("[../up]\nrepository = 1\n")
    done = avatar(home, "list")
    assert done.returncode == 2
    assert str(home / "models" / MANIFEST_NAME) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_licence_that_was_not_accepted_is_refused_with_what_there_is_instead(home: Path, hub: Hub) -> None:
    done = avatar(home, "fetch", NAME, hub=hub)
    assert done.returncode == 2
    assert "non-commercial" in done.stderr
    assert "hibari" in done.stderr
    assert hub.fetched == []


@pytest.mark.parametrize(
    ("status", "said"), [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "HF_ENDPOINT"), (500, "Try again later")]
)
def test_what_the_hub_refuses_is_said_in_a_line(home: Path, hub: Hub, status: int, said: str) -> None:
    hub.refuse = status
    done = avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    assert done.returncode == 3
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_a_network_import_is_offered(home: Path) -> None:
    done = avatar(home, "fetch", NAME, *ACCEPTED)
    assert done.returncode == 3
    assert "avatar models import" in done.stderr


def test_a_folder_is_imported_and_left_as_it_is(
    home: Path, published: dict[str, bytes], tmp_path: Path
) -> None:
    source = written(published, tmp_path / "stick")
    assert avatar(home, "import", NAME, str(source), *ACCEPTED).returncode == 0
    assert weights.read_record(home / "models" / NAME).revision == "imported"
    assert {path.name: path.read_bytes() for path in source.iterdir()} == published
    (source / "vocab.json").unlink()
    done = avatar(home, "import", NAME, str(source))
    assert done.returncode == 2
    assert "lacks vocab.json" in done.stderr


def test_a_change_is_found_and_rm_removes(home: Path, hub: Hub) -> None:
    avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    assert "all as it was" in avatar(home, "verify").stdout
    path = home / "models" / NAME / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    done = avatar(home, "verify", NAME)
    assert done.returncode == 2
    assert "model.safetensors of xtts-v2" in done.stderr
    assert avatar(home, "rm", NAME).returncode == 0
    assert installed(home) == []
    assert avatar(home, "rm", NAME).returncode == 2


def test_the_list_fits_a_terminal_and_says_what_is_here(home: Path, hub: Hub) -> None:
    before = avatar(home, "list").stdout
    assert all(len(line) <= 80 for line in before.splitlines())
    assert "to fetch, 1.9 GB" in before
    avatar(home, "fetch", NAME, *ACCEPTED, hub=hub)
    assert "here, " in avatar(home, "list").stdout


def test_on_a_gpu_host_a_run_says_in_one_line_what_could_be_fetched(
    home: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(gpu=True)
    said = "Neural engines: `make models` fetches 1.9 GB (xtts-v2 CPML, kokoro MIT)."
    assert capsys.readouterr().err.splitlines() == [said]
    offer(gpu=False)
    avatar(home, "fetch", *ACCEPTED, hub=hub)
    offer(gpu=True)
    assert capsys.readouterr().err == ""


def test_where_names_the_folders(home: Path) -> None:
    assert avatar(home, "where").stdout.strip() == str(home / "models")
    assert avatar(home, "where", NAME).stdout.strip() == str(home / "models" / NAME)
    assert avatar(home, "where", "nothing").returncode == 2


def test_a_full_disk_is_told_before_anything_is_fetched(home: Path) -> None:
    with pytest.raises(OutputError, match=r"4\.3 GB must be free"):
        store.check_space(known()[NAME], 0, free=lambda _folder: 1_000_000)


def test_of_two_at_once_one_is_refused(home: Path) -> None:
    with store.partial_folder(NAME), pytest.raises(OutputError, match="Another process"):
        store.partial_folder(NAME).__enter__()
