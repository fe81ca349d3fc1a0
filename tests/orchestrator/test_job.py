"""Inputs are taken whole or refused in a sentence; artifacts are believed when their digest fits."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.job import Job, read_text_file
from shared_schema import limits
from shared_schema.engine import file_reference
from shared_schema.errors import (
    InputError,
    OutputError,
    PhotoError,
    ProtocolError,
    RecordingError,
    TextError,
    WeightsError,
)
from shared_schema.messages import Artifact, Peaks, Result
from shared_schema.stages import SpeechOutcome


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_the_folder_is_private_and_gone_after() -> None:
    with Job() as job:
        assert job.folder.stat().st_mode & 0o077 == 0
        job.add_text("hello")
    assert not job.folder.exists()


def test_an_input_is_a_copy_that_keeps_its_bytes(tmp_path: Path) -> None:
    source = tmp_path / "me.jpg"
    source.write_bytes(b"picture")
    with Job() as job:
        reference = job.add_file("photo", source)
        source.write_bytes(b"changed")
        assert job.path(reference).read_bytes() == b"picture"


@pytest.mark.parametrize(
    ("role", "kind", "noun"), [("photo", PhotoError, "picture"), ("voice", RecordingError, "recording")]
)
def test_what_is_no_readable_file_is_refused(
    tmp_path: Path, role: str, kind: type[InputError], noun: str
) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = {
        tmp_path / "missing": f"There is no {noun} at",
        tmp_path: "is a folder",
        tmp_path / "empty": "is empty",
        tmp_path / "pipe": "is not a regular file",
        tmp_path / "loop": "cannot be read",
        sparse(tmp_path / "huge", limits.MAX_RECORDING_BYTES + 1): "MiB; at most",
    }
    with Job() as job:
        for path, says in cases.items():
            with pytest.raises(kind, match=says):
                job.add_file(role, path)
        assert [path.name for path in job.folder.iterdir()] == ["lock"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "secret.jpg"
    source.write_bytes(b"x")
    source.chmod(0)
    with Job() as job, pytest.raises(PhotoError, match="Permission denied"):
        job.add_file("photo", source)


def test_too_long_a_text_is_refused(tmp_path: Path) -> None:
    text = "a" * (limits.MAX_TEXT_BYTES + 1)
    (tmp_path / "talk.txt").write_text(text)
    with Job() as job, pytest.raises(TextError, match="at most"):
        job.add_text(text)
    with pytest.raises(TextError, match="at most"):
        read_text_file(tmp_path / "talk.txt")


def test_bytes_that_are_not_utf8_reach_the_engine_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_bytes(b"caf\xe9")
    with Job() as job:
        assert job.path(job.add_text(read_text_file(tmp_path / "talk.txt"))).read_bytes() == b"caf\xe9"


def test_text_and_prompt_are_two_files() -> None:
    with Job() as job:
        text, prompt = job.add_text("Good morning."), job.add_text("ein Füchslein", "prompt")
        assert job.path(text).read_text() == "Good morning."
        assert job.path(prompt).read_text(encoding="utf-8") == "ein Füchslein"


def test_too_long_a_prompt_is_refused_by_its_name() -> None:
    with Job() as job:
        with pytest.raises(TextError, match=r"^The prompt has 2,097,153 bytes; at most 2,097,152 are taken"):
            job.add_text("a" * (limits.MAX_TEXT_BYTES + 1), "prompt")
        job.add_text("a" * limits.MAX_TEXT_BYTES, "prompt")


def test_loras_are_counted_and_bounded(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"weights")
    huge = sparse(tmp_path / "huge", limits.MAX_LORA_BYTES + 1)
    with Job() as job:
        paths = {job.path(job.add_file(role, tmp_path / "film")) for role in ("lora", "lora-2")}
        assert {path.read_bytes() for path in paths} == {b"weights"}
        assert len(paths) == 2
        with pytest.raises(WeightsError, match=r"^The LoRA file .*huge has 4,096 MiB; at most 4096 MiB"):
            job.add_file("lora-3", huge)
        with pytest.raises(WeightsError, match=r"^There is no LoRA file at"):
            job.add_file("lora-4", tmp_path / "missing")


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    source = tmp_path / "me.jpg"
    source.write_bytes(b"picture")
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with Job() as job, pytest.raises(OutputError, match="No space left on device"):
        job.add_file("photo", source)


def test_an_artifact_is_accepted_only_with_its_digest() -> None:
    with Job() as job:
        path = job.folder / "speech.wav"
        path.write_bytes(b"sound")
        artifact = Artifact("speech", file_reference(path, job.folder))
        result = Result("t", 1, [artifact], SpeechOutcome(24000, 1, 1), {}, Peaks(1))
        assert job.accept(result) == {"speech": artifact.file}
        path.write_bytes(b"other")
        with pytest.raises(ProtocolError):
            job.accept(result)
        path.unlink()
        with pytest.raises(ProtocolError):
            job.accept(result)


def test_the_user_s_own_names_stand_in_a_message_that_tells_of_copies(tmp_path: Path) -> None:
    sources = {"voice": tmp_path / "a.wav", "voice-2": tmp_path / "b.wav"}
    with Job() as job:
        for role, source in sources.items():
            source.write_bytes(b"sound")
            job.add_file(role, source)
        told = job.in_users_words("input-voice-2 is longer than input-voice.")
    assert told == f"{sources['voice-2']} is longer than {sources['voice']}."
