"""Timings, faces and shots survive their files; what is none is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared_schema import records
from shared_schema.errors import AvatarError, ProtocolError, TextError, from_code


def test_timings_are_read_back_one_by_one(tmp_path: Path) -> None:
    spoken = [
        records.Utterance("Hé.", 0.0, 1.0, [records.Phone("h", 0.1, 0.2), records.Phone("eɪ", 0.2, 0.5)]),
        records.Utterance("Two.", 1.5, 2.0, []),
    ]
    path = tmp_path / "timings.jsonl"
    with path.open("wb") as file:
        for utterance in spoken:
            records.write_utterance(file, utterance)
    reader = records.read_timings(path)
    assert next(reader) == spoken[0]
    assert list(reader) == spoken[1:]


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"text": 1, "start": 0, "end": 1, "phones": []}', "[]"])
def test_a_line_that_is_no_utterance_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "timings.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ProtocolError, match=r"timings\.jsonl is not a timings file"):
        list(records.read_timings(path))


def test_a_face_is_read_back(tmp_path: Path) -> None:
    mesh = records.FaceMesh(640, 480, -3.0, [(1.0, 2.0, 3.0)] * 478)
    records.write_face(tmp_path / "face.json", mesh)
    assert records.read_face(tmp_path / "face.json") == mesh


def test_a_file_that_is_no_face_is_refused(tmp_path: Path) -> None:
    (tmp_path / "face.json").write_text("{}")
    with pytest.raises(ProtocolError, match=r"face\.json is not a face file"):
        records.read_face(tmp_path / "face.json")


def test_shots_are_read_back_to_the_last_digit_of_their_times(tmp_path: Path) -> None:
    shots = records.Shots(1920, 1080, 30_000, 1001, [n * 1001 / 30_000 for n in range(9)], 0.5)
    records.write_shots(tmp_path / "shots.json", shots)
    assert records.read_shots(tmp_path / "shots.json") == shots


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"width": 9, "height": 9, "fps_numerator": 25, "fps_denominator": 1, "times": []}',
        '{"width": 9, "height": 9, "fps_numerator": 25, "fps_denominator": 0, "times": [0]}',
        '{"width": 9, "height": 9, "fps_numerator": 25, "fps_denominator": 1, "times": [0], "scale": 0}',
    ],
)
def test_what_are_no_shots_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "shots.json").write_text(content)
    with pytest.raises(ProtocolError, match=r"shots\.json is not a shots file"):
        records.read_shots(tmp_path / "shots.json")


def test_an_error_keeps_its_class_across_the_socket() -> None:
    error = from_code("bad-text", "Empty.", "Write.", "trace")
    assert type(error) is TextError
    assert (error.exit_status, str(error), error.traceback) == (2, "Empty. Write.", "trace")


def test_every_error_has_a_code_of_its_own_and_an_exit_status() -> None:
    def tree(base: type[AvatarError]) -> list[type[AvatarError]]:
        return [base, *(found for child in base.__subclasses__() for found in tree(child))]

    classes = tree(AvatarError)
    assert len({error.code for error in classes}) == len(classes)
    assert {error.exit_status for error in classes} == {1, 2, 3, 4, 130}
