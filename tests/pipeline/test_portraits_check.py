"""`avatar portraits check`: whether photos are fit for lip-sync, why not, and a picture that shows it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from tests.pipeline.conftest import Home

PNG = b"\x89PNG\r\n\x1a\n"


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    data = path.read_bytes()
    assert data.startswith(PNG)
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_a_fit_photo_gets_a_score_and_advice(home: Home, pictures: Path, tmp_path: Path) -> None:
    shown = tmp_path / "annotated.png"
    done = home.run("portraits", "check", pictures / "me.jpg", "-o", shown)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith(" of 100")
    assert 60 < float(lines[0].split()[0]) < 85
    assert any(line.startswith("poor  The mouth is open") for line in lines)
    assert not any(line.startswith("good") for line in lines)
    assert lines[-2:] == ["fit for lip-sync", str(shown)]
    width, height = size(shown)
    assert (width, height > 600) == (512, True)


@pytest.mark.parametrize(
    ("photo", "says"), [("blank.png", "No face"), ("two.png", "--face N"), ("tiny.png", "at least 64")]
)
def test_an_unfit_photo_gets_its_report_and_then_one_line(
    home: Home, pictures: Path, tmp_path: Path, photo: str, says: str
) -> None:
    shown = tmp_path / "annotated.png"
    done = home.run("portraits", "check", pictures / photo, "-o", shown)
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0] == "0 of 100"
    assert lines[1].startswith("bad   ")
    assert says in lines[1]
    assert lines[-2:] == ["not fit for lip-sync", str(shown)]
    assert size(shown)[0] >= 512
    last = done.stderr.splitlines()[-1]
    assert last.startswith("avatar: ")
    assert says in last
    assert "Traceback" not in done.stderr


def test_one_of_two_faces_is_checked_by_its_number(home: Home, pictures: Path) -> None:
    done = home.run("portraits", "check", pictures / "two.png", "--face", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "fit for lip-sync"


def test_of_several_photos_a_table_is_printed_the_best_first(home: Home, pictures: Path) -> None:
    names = ["blank.png", "truncated.jpg", "me.jpg", "two.png"]
    done = home.run("portraits", "check", *(pictures / name for name in names))
    assert done.returncode == 2
    rows = done.stdout.splitlines()
    assert len(rows) == len(names)
    best, *others = rows
    assert "me.jpg" in best
    assert " fit " in best
    assert all(row.startswith("  0  ") and " unfit " in row for row in others)
    reasons = {"blank.png": "No face", "truncated.jpg": "damaged", "two.png": "2 faces"}
    for name, reason in reasons.items():
        assert any(name in row and reason in row for row in others)
    assert done.stderr.splitlines()[-1].startswith("avatar: 3 of 4 photos are not fit for lip-sync.")


def test_several_fit_photos_are_fit(home: Home, pictures: Path) -> None:
    done = home.run("portraits", "check", pictures / "me.jpg", pictures / "turned.jpg")
    assert done.returncode == 0, done.stderr
    assert [" fit " in row for row in done.stdout.splitlines()] == [True, True]


def test_as_json_each_photo_is_an_object(home: Home, pictures: Path, tmp_path: Path) -> None:
    photos = [str(pictures / "me.jpg"), str(pictures / "blank.png"), str(pictures / "truncated.jpg")]
    done = home.run("portraits", "check", *photos, "--json")
    assert done.returncode == 2
    answer = json.loads(done.stdout)
    assert answer["output"] is None
    assert [entry["photo"] for entry in answer["photos"]] == photos
    assert [entry["fit"] for entry in answer["photos"]] == [True, False, False]
    mine, blank, broken = answer["photos"]
    assert {finding["check"] for finding in mine["findings"]} >= {"mouth", "eyes", "sharpness", "light"}
    assert mine["outcome"]["score"] == mine["score"] > 60
    assert [finding["check"] for finding in blank["findings"]] == ["faces"]
    assert broken["outcome"] is None
    assert broken["findings"][0]["verdict"] == "bad"


def test_what_is_no_photo_is_an_error_and_no_verdict(home: Home, pictures: Path, tmp_path: Path) -> None:
    done = home.run("portraits", "check", pictures / "text.jpg", "-o", tmp_path / "a.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert "text.jpg is not a picture" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "a.png").exists()
    missing = home.run("portraits", "check", pictures / "me.jpg", tmp_path / "none.jpg")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "There is no picture at" in missing.stderr.splitlines()[-1]


def test_the_annotated_picture_overwrites_nothing_unasked(home: Home, pictures: Path, tmp_path: Path) -> None:
    shown = tmp_path / "there.png"
    shown.write_bytes(b"precious")
    refused = home.run("portraits", "check", pictures / "me.jpg", "-o", shown)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert shown.read_bytes() == b"precious"
    assert home.run("portraits", "check", pictures / "me.jpg", "-o", shown, "--force").returncode == 0
    assert size(shown)[0] == 512


def test_one_annotated_picture_is_not_of_several_photos(home: Home, pictures: Path, tmp_path: Path) -> None:
    refused = home.run(
        "portraits", "check", pictures / "me.jpg", pictures / "two.png", "-o", tmp_path / "a.png"
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "one photo" in refused.stderr
