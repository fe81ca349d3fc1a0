"""A video in place of a photo: its face is followed by the real workers; what cannot be dubbed is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from shared_schema.tracks import read_track
from tests.pipeline.conftest import PATIENCE, ROOT, Home

LIPSYNC_PYTHON = ROOT / "envs/lipsync/.venv/bin/python"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    maker = ROOT / "tests/support/talking_clip.py"
    subprocess.run([LIPSYNC_PYTHON, maker, folder], check=True, timeout=PATIENCE)
    return folder


def test_a_face_is_followed_through_a_video(home: Home, clips: Path, tmp_path: Path) -> None:
    # Its name does not matter.
    shutil.copyfile(clips / "me.mp4", tmp_path / "me.jpg")
    followed = home.run("stage", "track", tmp_path / "me.jpg", "-o", tmp_path / "track.npz", "--json")
    assert followed.returncode == 0, followed.stderr
    clip, face = json.loads(followed.stdout)["stages"]
    expected = {"frames": 50, "width": 640, "height": 480, "fps_numerator": 30_000, "fps_denominator": 1001}
    assert {name: clip["outcome"][name] for name in expected} == expected
    assert (face["engine"], face["outcome"]["frames"]) == ("mediapipe-track", 50)
    assert face["outcome"]["seen"] == 50
    assert face["outcome"]["scenes"] == 1
    track = read_track(tmp_path / "track.npz")
    nose = [track.points[number, 1, 0] for number in range(50)]
    assert max(nose) - min(nose) == pytest.approx(80, abs=8)


def test_what_is_found_is_told_in_words(home: Home, clips: Path) -> None:
    followed = home.run("stage", "track", clips / "empty.mp4")
    assert followed.returncode == 0, followed.stderr
    assert followed.stdout.split() == ["frames", "10", "seen", "0", "scenes", "1"]


def test_a_face_that_is_not_in_a_video_is_refused(home: Home, clips: Path, tmp_path: Path) -> None:
    refused = home.run("stage", "track", clips / "me.mp4", "--face", "2", "-o", tmp_path / "track.npz")
    assert refused.returncode == 2
    assert "There is no face 2" in refused.stderr.splitlines()[-1]
    assert not (tmp_path / "track.npz").exists()


def test_a_photo_is_no_video(home: Home, clips: Path) -> None:
    photo = ROOT / "envs/vision-py312/vision_worker/samples/portrait.png"
    refused = home.run("stage", "track", photo)
    assert refused.returncode == 2
    assert "portrait.png cannot be read. Use an MP4" in refused.stderr.splitlines()[-1]


def test_a_video_is_not_given_to_an_engine_for_photos(home: Home, clips: Path, tmp_path: Path) -> None:
    refused = home.run(
        "run", "--portrait", clips / "me.mp4", "--lipsync", "talking-photo", "-o", tmp_path / "v.mp4"
    )
    assert refused.returncode == 2
    assert "talking-photo engine can make no use of a clip" in refused.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())
