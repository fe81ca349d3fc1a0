"""A file of jobs is read as it was meant, or refused with the line and the reason."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from orchestrator.gpu import workload
from orchestrator.gpu.workload import CONTEXT, ENGINES, PASSAGES, Job
from shared_schema.errors import InputError
from shared_schema.stages import Stage


def read(tmp_path: Path, content: str | bytes) -> list[Job]:
    path = tmp_path / "jobs.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return workload.read(path)


def test_an_empty_object_is_a_usual_job(tmp_path: Path) -> None:
    (job,) = read(tmp_path, "{}\n")
    assert job.id == "1"
    assert job.arrives_s == 0
    assert job.seconds == {Stage.SPEECH: 4, Stage.PORTRAIT: 9, Stage.LIPSYNC: 6}
    assert workload.peak(job, Stage.PORTRAIT) == ENGINES[Stage.PORTRAIT].peak


def test_what_is_said_counts(tmp_path: Path) -> None:
    (job,) = read(tmp_path, '{"id": "a", "arrives_s": 1.5, "seconds": {"tts": 4}, "gb": {"tts": 2.9}}')
    assert job == Job("a", 1.5, {Stage.SPEECH: 4}, {Stage.SPEECH: 2.9})
    assert workload.peak(job, Stage.SPEECH) == 2_900_000_000
    assert workload.workers([job]) == {"tts"}


def test_an_id_that_is_not_given_is_the_line_s_number_also_after_blank_lines(tmp_path: Path) -> None:
    assert [job.id for job in read(tmp_path, '{"id": "a"}\r\n\n{}\n  \n{}')] == ["a", "3", "5"]


def test_faces_are_found_by_the_vision_worker(tmp_path: Path) -> None:
    assert workload.workers(read(tmp_path, '{"seconds": {"portrait": 9, "face": 1}}')) == {"vision"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "holds no job"),
        ("[]", "line 2: Expected `object`, got `array`"),
        ("{", "line 2: Input data was truncated"),
        ("{} {}", "line 2: JSON is malformed: trailing characters"),
        ('{"id": 7}', "line 2: Expected `str`, got `int`"),
        ('{"ids": "a"}', "line 2: Object contains unknown field `ids`"),
        ('{"arrives_s": -1}', "line 2: Expected `float` >= 0.0"),
        ('{"arrives_s": 1e999}', "line 2: Number out of range"),
        ('{"seconds": {"tts": "4"}}', "line 2: Expected `float`, got `str`"),
        ('{"seconds": {"speech": 4}}', "line 2: Invalid enum value 'speech'"),
        ('{"seconds": {}}', "line 2: Expected `object` of length >= 1"),
        ('{"gb": {"tts": 0}}', "line 2: Expected `float` > 0.0"),
        (b'{"id": "\xff"}', "line 2 is not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str | bytes, reason: str) -> None:
    line = line.encode() if isinstance(line, str) else line
    with pytest.raises(InputError) as caught:
        read(tmp_path, b"{}\n" + line if line else b"\n")
    assert reason in caught.value.message
    assert "jobs.jsonl" in caught.value.message


def test_two_jobs_of_one_id_are_refused_also_where_it_is_a_line_s_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: the id '2' is line 1's already"):
        read(tmp_path, '{"id": "2"}\n{}')


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        workload.read(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        workload.read(tmp_path)


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="more than 100,000 jobs"):
        read(tmp_path, "{}\n" * 100_001)
    monkeypatch.setattr(workload, "MAX_BYTES", 1 << 20)
    assert len(read(tmp_path, "{}" + " " * ((1 << 20) - 2))) == 1
    with pytest.raises(InputError, match="larger than 1 MiB"):
        read(tmp_path, "{}" + " " * (1 << 20))


def test_a_dash_is_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"id": "a"}')))
    assert [job.id for job in workload.read(Path("-"))] == ["a"]


def test_all_three_workers_contexts_fit_beside_the_largest_engine_on_a_12_gb_card() -> None:
    largest = max(engine.peak for engine in ENGINES.values())
    assert largest + CONTEXT * (len(PASSAGES) - 1) <= 12_000_000_000
